import { existsSync } from 'node:fs'

/** Calls the Docker Engine API without a version, which means the engine's newest. */
export async function engineApi(socket: string, method: string, path: string, body?: Bun.BodyInit): Promise<Response> {
  return await fetch(`http://localhost${path}`, {
    unix: socket,
    method,
    timeout: false,
    ...(body !== undefined && { body, headers: { 'content-type': 'application/x-tar' } }),
  })
}

export async function engineAnswers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false
  try {
    const response = await fetch('http://localhost/_ping', { unix: socket, signal: AbortSignal.timeout(2_000) })
    return response.ok
  } catch {
    return false
  }
}

export async function hasImage(socket: string, image: string): Promise<boolean> {
  return (await engineApi(socket, 'GET', `/images/${image}/json`)).ok
}

/** Imports an image from a tarball of a root filesystem. `changes` are Dockerfile instructions. */
export async function importImage(
  socket: string,
  image: string,
  tarball: string,
  changes: string[] = [],
): Promise<void> {
  const [repo = '', tag = 'latest'] = image.split(':')
  const query = new URLSearchParams({ fromSrc: '-', repo, tag })
  for (const change of changes) query.append('changes', change)
  const response = await engineApi(socket, 'POST', `/images/create?${query}`, Bun.file(tarball))
  const output = await response.text()
  if (!response.ok || output.includes('"error"')) throw new Error(`cannot import ${image}: ${output}`)
}

/**
 * Downloads an image from its registry.
 * @returns whether it succeeded; a download that takes longer than five minutes fails
 */
export async function pullImage(socket: string, image: string): Promise<boolean> {
  const [fromImage = '', tag = 'latest'] = image.split(':')
  const query = new URLSearchParams({ fromImage, tag })
  try {
    const response = await fetch(`http://localhost/images/create?${query}`, {
      unix: socket,
      method: 'POST',
      signal: AbortSignal.timeout(300_000),
    })
    return response.ok && !(await response.text()).includes('"error"')
  } catch {
    return false
  }
}
