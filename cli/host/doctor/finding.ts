import { errorMessage } from '../../../src/core/error-message.ts'

/** What was looked at, how it is, and what to do where it is not as it should be. */
export interface Finding {
  check: string
  status: 'ok' | 'warning' | 'failed'
  text: string
}

export const ok = (check: string, text: string): Finding => ({ check, status: 'ok', text })
export const warning = (check: string, text: string): Finding => ({ check, status: 'warning', text })
export const failed = (check: string, text: string): Finding => ({ check, status: 'failed', text })

/** Findings of a check that may break itself: that is one, too. */
export async function runCheck(check: string, run: () => Finding[] | Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await run()
  } catch (error) {
    return [failed(check, errorMessage(error))]
  }
}
