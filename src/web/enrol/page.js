// Enrols a phone with a link from the owner, whose token is in the URL fragment, or with a recovery code. Only a click
// redeems the token, so that link previews do not use it up.

const API = new URL('api/v1/user/', document.baseURI)
const WRONG_CODE =
  'This is not the code of the new entry. Try the next code; if it is rejected as well, set your phone to automatic time.'
const sections = ['open', 'recover', 'shown', 'done'].map(byId)
const headings = {
  open: 'Set up your phone',
  recover: 'Set up another phone',
  shown: 'Your new code and recovery codes',
  done: 'Your phone is set up',
}
let token = location.hash.slice(1)
let username = ''

// Hides the token from onlookers and copied addresses. (It stays in the browser's history.)
history.replaceState(null, '', location.pathname)
show(token ? 'open' : 'recover')

addEventListener('hashchange', () => location.reload())
byId('open-button').addEventListener('click', event => runWithButtonDisabled(event.currentTarget, openLink))
onSubmit('recover', async fields => {
  const link = await post('auth/recover', fields)
  token = link.enrolment_token
  // If the next request fails, the user can retry as with a link.
  show('open')
  await openLink()
})
onSubmit('confirm', async ({ code }) => {
  await post('auth/confirm', { enrolment_token: token, code: code.replaceAll(' ', '') })
  removeEventListener('beforeunload', askBeforeLeaving)
  byId('done-name').textContent = username
  show('done')
})

byId('download').addEventListener('click', () => {
  const file = new Blob([`${textOf('codes')}\n`], { type: 'text/plain' })
  Object.assign(document.createElement('a'), {
    href: URL.createObjectURL(file),
    download: 'cikit-recovery-codes.txt',
  }).click()
})
for (const button of document.querySelectorAll('[data-copy]')) {
  // Browsers provide the clipboard only over TLS and on localhost.
  button.hidden = navigator.clipboard === undefined
  button.addEventListener('click', async () => {
    const label = button.textContent
    const copied = await navigator.clipboard.writeText(textOf(button.dataset.copy)).then(
      () => 'Copied',
      () => 'Copy failed: copy it manually',
    )
    byId('copied').textContent = copied
    button.textContent = copied
    setTimeout(() => {
      button.textContent = label
    }, 3_000)
  })
}

async function openLink() {
  const enrolment = await post('auth/enrol', { enrolment_token: token })
  username = enrolment.username
  byId('qr').src = enrolment.qr
  byId('open-app').href = enrolment.otpauth_url
  byId('secret').textContent = enrolment.secret.replace(/(.{4})(?=.)/g, '$1 ')
  byId('codes').replaceChildren(...enrolment.recovery_codes.map(toItem))
  byId('expires').textContent =
    `Finish by ${new Date(enrolment.expires).toLocaleString()}. Until then, your old phone keeps working.`
  addEventListener('beforeunload', askBeforeLeaving)
  show('shown')
}

/** The secret and the recovery codes are shown only once. */
function askBeforeLeaving(event) {
  event.preventDefault()
}

async function post(path, fields) {
  const response = await fetch(new URL(path, API), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  }).catch(() => {
    throw new Error('The server cannot be reached. Try again.')
  })
  const body = await response.json().catch(() => {
    throw new Error(`The server returned an unexpected response (${response.status}). Try again.`)
  })
  if (response.ok) return body
  const wait = response.headers.get('retry-after')
  if (wait) throw new Error(`Too many attempts. Try again in ${formatDuration(Number(wait))}.`)
  const hint = path === 'auth/confirm' && body.errorId === 902
  throw new Error(hint ? WRONG_CODE : `${body.error}.`)
}

function onSubmit(id, work) {
  const form = byId(id)
  form.addEventListener('submit', event => {
    event.preventDefault()
    const fields = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]))
    runWithButtonDisabled(form.querySelector('[type=submit]'), () => work(fields))
  })
}

async function runWithButtonDisabled(button, work) {
  const problem = byId('problem')
  const previouslyFocused = document.activeElement
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
    // Disabling the button has removed its focus.
    if (!problem.hidden) previouslyFocused?.focus()
  }
}

function show(id) {
  for (const section of sections) section.hidden = section.id !== id
  const heading = document.querySelector('h1')
  heading.textContent = headings[id]
  document.title = `${headings[id]} · CIKit Matrix`
  heading.focus()
}

function toItem(text) {
  const item = document.createElement('li')
  item.textContent = text
  return item
}

function textOf(id) {
  const lines = [...byId(id).children].map(child => child.textContent)
  return lines.length > 0 ? lines.join('\n') : byId(id).textContent.replaceAll(' ', '')
}

function formatDuration(seconds) {
  if (seconds < 90) return `${seconds} seconds`
  if (seconds < 90 * 60) return `${Math.ceil(seconds / 60)} minutes`
  return seconds < 172_800
    ? `${Math.ceil(seconds / 3_600)} hours`
    : `${Math.ceil(seconds / 86_400)} days, or ask the owner`
}

function byId(id) {
  return document.getElementById(id)
}
