import { errorMessage } from '../../../src/core/error-message.ts'

/** The result of one check; `text` includes the remedy for a problem. */
export interface Finding {
  check: string
  status: 'ok' | 'warning' | 'failed'
  text: string
}

export const ok = (check: string, text: string): Finding => ({ check, status: 'ok', text })
export const warning = (check: string, text: string): Finding => ({ check, status: 'warning', text })
export const failed = (check: string, text: string): Finding => ({ check, status: 'failed', text })

/** An error of the check itself becomes a failed finding. */
export async function runCheck(check: string, run: () => Finding[] | Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await run()
  } catch (error) {
    return [failed(check, errorMessage(error))]
  }
}
