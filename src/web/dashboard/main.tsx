import { render } from 'preact'
import '../base.css'
import './style/base.css'
import './style/shell.css'
import './style/components.css'
import { restoreSession } from './api/session.ts'
import { Dashboard } from './dashboard.tsx'

const root = document.getElementById('app')
if (!root) throw new Error('The page has no element #app')
render(<Dashboard />, root)
void restoreSession()
