// The part of `qrcode` that encodes without drawing; its own types cover only the whole package.

declare module 'qrcode/lib/core/qrcode' {
  export { create } from 'qrcode'
}
