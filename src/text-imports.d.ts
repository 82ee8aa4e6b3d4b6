// Files that `bun build` carries in the binary as text: import x from './file.sql' with { type: 'text' }

declare module '*.sql' {
  const text: string
  export default text
}

declare module '*/Dockerfile' {
  const text: string
  export default text
}

declare module '*/page.html' {
  const text: string
  export default text
}

declare module '*/base.css' {
  const text: string
  export default text
}

declare module '*/page.css' {
  const text: string
  export default text
}

declare module '*/page.js' {
  const text: string
  export default text
}
