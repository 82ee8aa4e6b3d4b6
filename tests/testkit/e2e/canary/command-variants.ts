/**
 * Valid and invalid arguments of every host command. `serve` and `restore` are rejected, since the server is running.
 * Placeholders: BACKUP and PASSPHRASE are files, ELSEWHERE is another data directory, EXPORT is a user export and
 * DAMAGED a damaged one.
 */
export const hostCommands: Record<string, string[][]> = {
  serve: [[], ['--port', 'x'], ['--prefix', '../x']],
  'create-user': [
    ['-u', 'ann', '-g', 'viewer', '--json'],
    ['-u', 'ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'manager', '-r', '--json'],
    ['-u', 'ANN', '-g', 'manager'],
    ['-u', 'ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'owner', '-r'],
    ['-u', '../ann', '-g', 'viewer'],
    ['-u', 'ann', '-g', 'king'],
    ['-u', 'ann', '--secret', 'x'],
  ],
  'user list': [[], ['--json'], ['--all']],
  'user unlock': [['ann'], ['nobody']],
  'user hand-over': [['ann'], ['nobody'], ['owner']],
  'user delete': [['ann'], ['nobody'], ['owner']],
  audit: [[], ['--json'], ['--verify'], ['--limit', 'x'], ['--restart']],
  health: [[], ['--json'], ['--url', 'matrix']],
  import: [['EXPORT'], ['EXPORT', '--write'], ['DAMAGED', '--json'], ['EXPORT', '--encoding', 'hex']],
  // Its own end-to-end tests cover the rest.
  upgrade: [['--describe'], ['--rollback', '--binary', '/nonexistent/cikit-api']],
  'rotate-key': [[], ['--force']],
  doctor: [[], ['--json'], ['--domain', '../x']],
  backup: [
    ['BACKUP'],
    ['BACKUP'],
    ['BACKUP', '--force', '--with-key', '--passphrase-file', 'PASSPHRASE', '--json'],
    ['/nonexistent/file'],
    ['BACKUP', '--with-key'],
  ],
  restore: [
    ['BACKUP'],
    ['BACKUP', '--passphrase-file', 'PASSPHRASE', '--data-dir', 'ELSEWHERE'],
    ['BACKUP', '--passphrase-file', 'BACKUP', '--data-dir', 'ELSEWHERE', '--force'],
    ['PASSPHRASE'],
    ['/nonexistent/file'],
  ],
  'image build': [[], []],
  // Only printed or rejected: otherwise they would change this host. Their own end-to-end test covers the rest.
  install: [['--print'], ['--print', '--port', 'x']],
  uninstall: [['--all']],
  completion: [['bash'], ['zsh'], ['fish'], ['tcsh']],
  man: [[], ['--all']],
}

/**
 * Valid and invalid arguments of the client commands, in order. Placeholders: DROPLET is the added droplet, OPERATION
 * the operation that was started last.
 */
export const clientCommands: Record<string, string[][]> = {
  login: [['matrix']],
  'droplet add': [['--json'], ['--ssh-keys', '/nonexistent']],
  'droplet ls': [[], ['--json'], ['--all']],
  'droplet stop': [['DROPLET'], ['nginx']],
  'droplet start': [['DROPLET', '--detach'], ['DROPLET', '--wait', '--detach'], ['nginx']],
  'operation ls': [[], ['--json'], ['--limit', 'x']],
  'operation show': [['OPERATION'], ['OPERATION', '--wait', '--json'], ['nginx']],
  'operation cancel': [['OPERATION'], ['nginx']],
  'droplet restart': [['DROPLET'], ['nginx']],
  'droplet ssh': [['DROPLET', '--', 'uname'], ['nginx']],
  'droplet exec': [['DROPLET', '--', 'true'], ['DROPLET'], ['nginx', '--', 'true']],
  'droplet logs': [['DROPLET', '--lines', '5'], ['DROPLET', '--console'], ['nginx']],
  'droplet stats': [['DROPLET'], [], ['nginx']],
  // Rejected without a terminal; see tests/e2e/client-inside-droplet.test.ts.
  'droplet console': [['DROPLET'], ['nginx']],
  'droplet rm': [['DROPLET'], ['nginx']],
  events: [[], ['--json'], ['--all']],
  logout: [[], []],
}
