// The light in numbers, as a file of light settings holds it: to copy, and to paste another.
import {SHLight} from "./shlight.js"
import {studio} from "./studio.js"

const NO_LIGHT =
  "That is not a light: nine rows of three numbers, or the text of saved light settings."

export class Numbers {
  constructor($, order) {
    this.details = $(".numbers")
    this.text = $("textarea")
    this.status = $(".status")
    this.order = order // what the package says of the coefficients
    this.details.ontoggle = () => {
      if (studio.seen) this.text.value = this.written()
    }
    $(".copy").onclick = () => this.copy()
    $(".apply").onclick = () => this.apply()
  }

  // unless somebody writes there
  show() {
    if (!this.details.open || document.activeElement === this.text) return
    this.text.value = this.written()
  }

  written() {
    const {coeffs, lamps, isKnown, isMade} = studio.face.shining
    const short = v => Number(v.toPrecision(7))
    const rows = Array.from({length: 9}, (_, i) => {
      const row = coeffs.slice(3 * i, 3 * i + 3)
      return `[${row.map(short).join(", ")}]`
    })
    const head = `{"format": "illures light", "version": 1,\n "order": "${this.order}"`
    const made = isKnown && isMade ? `,\n "lamps": ${JSON.stringify(lamps.record)}` : ""
    return `${head}, "coeffs": [\n  ${rows.join(",\n  ")}]${made}}`
  }

  async copy() {
    this.text.select()
    try {
      await navigator.clipboard.writeText(this.text.value)
    } catch {
      document.execCommand("copy") // pages without TLS have no clipboard
    }
    this.status.textContent = "Copied."
  }

  apply() {
    const light = parsed(this.text.value)
    this.status.textContent = light ? "" : NO_LIGHT
    if (!light) return
    studio.calm()
    studio.useNumbers(light)
  }
}

// a light in text, or nothing
function parsed(text) {
  try {
    return SHLight.parsed(JSON.parse(text))
  } catch {
    return null
  }
}
