// Finds what is looked for among the routes, says where this server is, and copies an example. The page reads without it.

const search = document.querySelector('[type=search]')
const status = document.querySelector('[role=status]')
const contents = document.querySelector('nav details')
const articles = [...document.querySelectorAll('article')].map(article => ({
  article,
  text: article.textContent.toLowerCase(),
}))

document.getElementById('api').textContent = new URL('api/v1', document.baseURI).href
search.hidden = false
// Where it stands above the text, and not beside it, it is in the way.
contents.open = matchMedia('(min-width: 60rem)').matches

search.addEventListener('input', filter)
addEventListener('keydown', event => {
  if (event.key === '/' && document.activeElement !== search) {
    event.preventDefault()
    search.focus()
  } else if (event.key === 'Escape' && search.value !== '') clear()
})
// A link leads to what the search may have hidden.
addEventListener('click', event => {
  const link = event.target.closest('a[href^="#"]')
  if (!link) return
  if (document.querySelector(link.hash)?.closest('[hidden]')) clear()
  if (link.closest('nav') && !matchMedia('(min-width: 60rem)').matches) contents.open = false
})

for (const button of document.querySelectorAll('.curl button')) {
  // Browsers lend the clipboard to pages over TLS and on this machine only.
  button.hidden = navigator.clipboard === undefined
  button.addEventListener('click', async () => {
    button.textContent = await navigator.clipboard.writeText(button.previousElementSibling.textContent).then(
      () => 'Copied',
      () => 'Refused',
    )
    status.textContent = button.textContent
    setTimeout(() => {
      button.textContent = 'Copy'
    }, 3_000)
  })
}

function clear() {
  search.value = ''
  filter()
}

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
  let found = 0
  for (const { article, text } of articles) {
    article.hidden = !words.every(word => text.includes(word))
    if (!article.hidden) found += 1
    const item = article.id && document.querySelector(`nav [data-for="${article.id}"]`)
    if (item) item.hidden = article.hidden
  }
  for (const section of document.querySelectorAll('.chapter, nav section')) {
    const parts = [...section.querySelectorAll('article, nav li')]
    section.hidden = parts.length > 0 && parts.every(part => part.hidden)
  }
  document.querySelector('.intro').hidden = words.length > 0
  status.textContent = words.length > 0 ? `${found} found` : ''
}
