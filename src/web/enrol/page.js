// Sets up a phone: by the link that the owner gave, whose key is in the address's fragment, or by a recovery code.
// The key is used up by a click and not by opening the page, so that nothing that only looks at links spends it.

const API = new URL('api/v1/user/', document.baseURI)
const WRONG_CODE =
  'That is not the code of the new entry. Wait for its next one; if it is refused again, let your phone set its clock by itself.'
const parts = ['open', 'recover', 'shown', 'done'].map(find)
const headings = {
  open: 'Set up your phone',
  recover: 'Set up another phone',
  shown: 'Your new code and recovery codes',
  done: 'Your phone is set up',
}
let token = location.hash.slice(1)
let username = ''

// Nobody who looks over a shoulder, or copies the address, gets the key. (The browser's own history has it all the same.)
history.replaceState(null, '', location.pathname)
show(token ? 'open' : 'recover')

addEventListener('hashchange', () => location.reload())
find('open-button').addEventListener('click', event => run(event.currentTarget, openLink))
onSubmit('recover', async fields => {
  const link = await post('auth/recover', fields)
  token = link.enrolment_token
  // From here on it is a link like any other: should the next request fail, it can be asked again.
  show('open')
  await openLink()
})
onSubmit('confirm', async ({ code }) => {
  await post('auth/confirm', { enrolment_token: token, code: code.replaceAll(' ', '') })
  removeEventListener('beforeunload', askBeforeLeaving)
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
    const label = button.textContent
    const copied = await navigator.clipboard.writeText(textOf(button.dataset.copy)).then(
      () => 'Copied',
      () => 'The browser refused: copy it by hand',
    )
    find('copied').textContent = copied
    button.textContent = copied
    setTimeout(() => {
      button.textContent = label
    }, 3_000)
  })
}

async function openLink() {
  const enrolment = await post('auth/enrol', { enrolment_token: token })
  username = enrolment.username
  find('qr').src = enrolment.qr
  find('open-app').href = enrolment.otpauth_url
  find('secret').textContent = enrolment.secret.replace(/(.{4})(?=.)/g, '$1 ')
  find('codes').replaceChildren(...enrolment.recovery_codes.map(toItem))
  find('expires').textContent =
    `Finish by ${new Date(enrolment.expires).toLocaleString()}. Until you do, your old phone goes on to work.`
  addEventListener('beforeunload', askBeforeLeaving)
  show('shown')
}

/** What is shown is not shown again. */
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
    throw new Error(`The server answered ${response.status}, and nothing that can be read here. Try again.`)
  })
  if (response.ok) return body
  const wait = response.headers.get('retry-after')
  if (wait) throw new Error(`Too many attempts: try again in ${inWords(Number(wait))}.`)
  const hint = path === 'auth/confirm' && body.errorId === 902
  throw new Error(hint ? WRONG_CODE : `${body.error}.`)
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
  const focused = document.activeElement
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
    // A button that is disabled loses the focus.
    if (!problem.hidden) focused?.focus()
  }
}

function show(id) {
  for (const part of parts) part.hidden = part.id !== id
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
  const lines = [...find(id).children].map(child => child.textContent)
  return lines.length > 0 ? lines.join('\n') : find(id).textContent.replaceAll(' ', '')
}

function inWords(seconds) {
  if (seconds < 90) return `${seconds} seconds`
  if (seconds < 90 * 60) return `${Math.ceil(seconds / 60)} minutes`
  return seconds < 172_800
    ? `${Math.ceil(seconds / 3_600)} hours`
    : `${Math.ceil(seconds / 86_400)} days, or ask the owner`
}

function find(id) {
  return document.getElementById(id)
}
