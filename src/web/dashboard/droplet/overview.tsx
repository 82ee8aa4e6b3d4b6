import type { ComponentChildren } from 'preact'
import type { DropletBody } from '../../../droplets/schema.ts'
import { Age } from '../components/age.tsx'
import { CopyButton } from '../components/copy-button.tsx'
import { OperationProgress } from '../droplets/operation-progress.tsx'
import { webLinks } from '../droplets/view-model.ts'
import { unfinishedOperations } from '../state/store.ts'

export function Overview({ droplet }: { droplet: DropletBody }) {
  const { name, hostname, image, created_at, created_by, started_at, stopped_at, exit_code, ssh, id, status } = droplet
  const operation = unfinishedOperations.value.get(name)
  const links = webLinks(droplet, location.hostname)
  return (
    <>
      {operation && <OperationProgress operation={operation} />}
      <dl class="details panel">
        <Detail title="State">{status}</Detail>
        <Detail title="Created">
          <Age since={created_at} withSuffix />
          {created_by && (
            <>
              {' '}
              by <bdi>{created_by}</bdi>
            </>
          )}
        </Detail>
        {started_at && (
          <Detail title="Started">
            <Age since={started_at} withSuffix />
          </Detail>
        )}
        {stopped_at && (
          <Detail title="Stopped">
            <Age since={stopped_at} withSuffix />
            {exit_code ? `, exit code ${exit_code}` : ''}
          </Detail>
        )}
        <Detail title="Hostname">{hostname}</Detail>
        <Detail title="Image">{image}</Detail>
        <Detail title="ID">{id}</Detail>
        {links.length > 0 && (
          <Detail title="Web">
            {links.map(({ href }) => (
              <a key={href} href={href} target="_blank" rel="noopener noreferrer">
                {href}
              </a>
            ))}
          </Detail>
        )}
        {ssh && (
          <Detail title="SSH">
            <code>{ssh.command}</code>{' '}
            <CopyButton text={ssh.command} description={`the SSH command for ${name}`} label="Copy" />
          </Detail>
        )}
        {ssh?.fingerprint && (
          <Detail title="Host key">
            <code>{ssh.fingerprint}</code>
          </Detail>
        )}
      </dl>
    </>
  )
}

function Detail({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  )
}
