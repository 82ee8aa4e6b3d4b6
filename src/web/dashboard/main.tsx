import { render } from 'preact'
import '../base.css'
import './style/base.css'
import './style/shell.css'
import './style/parts.css'
import { resume } from './api/session.ts'
import { Dashboard } from './dashboard.tsx'

const place = document.getElementById('app')
if (!place) throw new Error('The page has no place for the dashboard')
render(<Dashboard />, place)
void resume()
