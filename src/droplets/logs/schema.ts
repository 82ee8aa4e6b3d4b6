import { t } from 'elysia'
import { choiceField, integerParameter, requestQuery } from '../../api/http/fields.ts'
import { DEFAULT_LINES, sources } from './options.ts'

export const logQuery = requestQuery({
  source: t.Optional(
    choiceField(sources, {
      description: '`journal`: its services (journalctl); `console`: output of its init, available also when stopped',
      defaultValue: 'journal',
      errors: { invalid: ['malformed', 'The "source" must be journal or console'] },
    }),
  ),
  lines: t.Optional(
    integerParameter(
      { minimum: 0, maximum: 10_000 },
      { description: 'Number of last lines', defaultValue: DEFAULT_LINES },
    ),
  ),
  follow: t.Optional(
    choiceField(['true', 'false'], {
      description: 'Whether to keep sending new lines',
      defaultValue: 'false',
      errors: { invalid: ['malformed', 'The "follow" must be true or false'] },
    }),
  ),
})
