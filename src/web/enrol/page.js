// Sets up a phone: by the link that the owner gave, whose key is in the address's fragment, or by a recovery code.
// The key is used up by a click and not by opening the page, so that nothing that only looks at links spends it.

const API = new URL('api/v1/user/', document.baseURI)
const parts = ['open', 'recover', 'shown', 'done'].map(find)
let token = location.hash.slice(1)
let username = ''

// The key stays neither in the address bar nor in the history.
history.replaceState(null, '', location.pathname)
show(token ? 'open' : 'recover')

find('open-button').addEventListener('click', event => run(event.currentTarget, openLink))
onSubmit('recover', async fields => {
  const link = await post('auth/recover', fields)
  token = link.enrolment_token
  await openLink()
})
onSubmit('confirm', async ({ code }) => {
  // The first right code makes the new secret count. The session that comes with it is of no use here, and ended.
  const { access_token } = await post('auth', { username, code })
  await call('DELETE', `auth/revoke/${encodeURIComponent(username)}`, { access_token })
  find('done-name').textContent = username
  show('done')
})

find('download').addEventListener('click', () => {
  const file = new Blob([`${textOf('codes')}\n`], { type: 'text/plain' })
  Object.assign(document.createElement('a'), {
    href: URL.createObjectURL(file),
    download: 'cikit-recovery-codes.txt',
  }).click()
})
for (const button of document.querySelectorAll('[data-copy]')) {
  // Browsers lend the clipboard to pages over TLS and on this machine only.
  button.hidden = navigator.clipboard === undefined
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(textOf(button.dataset.copy))
    button.textContent = 'Copied'
  })
}

async function openLink() {
  const enrolment = await post('auth/enrol', { enrolment_token: token })
  token = ''
  username = enrolment.username
  find('qr').src = enrolment.qr
  find('open-app').href = enrolment.otpauth_url
  find('secret').textContent = enrolment.secret.replace(/(.{4})(?=.)/g, '$1 ')
  find('codes').replaceChildren(...enrolment.recovery_codes.map(toItem))
  find('expires').textContent =
    `Finish by ${new Date(enrolment.expires).toLocaleString()}. Until you do, your old phone goes on to work.`
  show('shown')
}

function post(path, fields) {
  return call('POST', path, fields)
}

async function call(method, path, fields) {
  const response = await fetch(new URL(path, API), {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  }).catch(() => {
    throw new Error('The server cannot be reached. Try again.')
  })
  const body = await response.json()
  if (response.ok) return body
  const wait = response.headers.get('retry-after')
  throw new Error(wait ? `Too many attempts: try again in ${inWords(Number(wait))}.` : `${body.error}.`)
}

function onSubmit(id, work) {
  const form = find(id)
  form.addEventListener('submit', event => {
    event.preventDefault()
    const fields = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]))
    run(form.querySelector('[type=submit]'), () => work(fields))
  })
}

async function run(button, work) {
  const problem = find('problem')
  problem.hidden = true
  button.disabled = true
  try {
    await work()
  } catch (error) {
    problem.textContent = error.message
    problem.hidden = false
    problem.scrollIntoView({ block: 'nearest' })
  } finally {
    button.disabled = false
  }
}

function show(id) {
  for (const part of parts) part.hidden = part.id !== id
  const heading = document.querySelector('h1')
  if (id === 'done') heading.textContent = 'Your phone is set up'
  heading.focus()
}

function toItem(text) {
  const item = document.createElement('li')
  item.textContent = text
  return item
}

function textOf(id) {
  const lines = [...find(id).children].map(child => child.textContent)
  return lines.length > 0 ? lines.join('\n') : find(id).textContent.replaceAll(' ', '')
}

function inWords(seconds) {
  return seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`
}

function find(id) {
  return document.getElementById(id)
}
