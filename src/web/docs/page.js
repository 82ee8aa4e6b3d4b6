// Search, the address of this server, and copy buttons. The page is readable without this script.

const search = document.querySelector('[type=search]')
const status = document.querySelector('[role=status]')
const contents = document.querySelector('nav details')
const articles = [...document.querySelectorAll('article')].map(article => ({
  article,
  text: article.textContent.toLowerCase(),
}))

document.getElementById('api').textContent = new URL('api/v1', document.baseURI).href
search.hidden = false
// On narrow screens the contents are above the text and start collapsed.
contents.open = matchMedia('(min-width: 60rem)').matches

search.addEventListener('input', filter)
addEventListener('keydown', event => {
  if (event.key === '/' && document.activeElement !== search) {
    event.preventDefault()
    search.focus()
  } else if (event.key === 'Escape' && search.value !== '') clear()
})
// A link may lead to an article that the search has hidden.
addEventListener('click', event => {
  const link = event.target.closest('a[href^="#"]')
  if (!link) return
  if (document.querySelector(link.hash)?.closest('[hidden]')) clear()
  if (link.closest('nav') && !matchMedia('(min-width: 60rem)').matches) contents.open = false
})

for (const button of document.querySelectorAll('.curl button')) {
  // Browsers provide the clipboard only over TLS and on localhost.
  button.hidden = navigator.clipboard === undefined
  button.addEventListener('click', async () => {
    button.textContent = await navigator.clipboard.writeText(button.previousElementSibling.textContent).then(
      () => 'Copied',
      () => 'Copy failed',
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
  let matches = 0
  for (const { article, text } of articles) {
    article.hidden = !words.every(word => text.includes(word))
    if (!article.hidden) matches += 1
    const item = article.id && document.querySelector(`nav [data-for="${article.id}"]`)
    if (item) item.hidden = article.hidden
  }
  for (const section of document.querySelectorAll('.chapter, nav section')) {
    const entries = [...section.querySelectorAll('article, nav li')]
    section.hidden = entries.length > 0 && entries.every(entry => entry.hidden)
  }
  document.querySelector('.intro').hidden = words.length > 0
  status.textContent = words.length > 0 ? `${matches} ${matches === 1 ? 'match' : 'matches'}` : ''
}
