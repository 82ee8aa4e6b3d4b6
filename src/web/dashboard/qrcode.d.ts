// The part of `qrcode` that makes a code without drawing it; its own types know the whole package only.

declare module 'qrcode/lib/core/qrcode' {
  export { create } from 'qrcode'
}
