// The light in numbers, as a file of light settings holds it: to copy, and to paste another.
import {studio} from "./studio.js"

const NO_LIGHT =
  "That is not a light: nine rows of three numbers, or the text of saved light settings."

export class Numbers {
  constructor($, order) {
    this.details = $(".numbers")
    this.text = $("textarea")
    this.told = $(".told")
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
    const {light} = studio.face
    const short = v => Number(v.toPrecision(7))
    const rows = Array.from({length: 9}, (_, i) => {
      const row = light.slice(3 * i, 3 * i + 3)
      return `[${row.map(short).join(", ")}]`
    })
    const head = `{"format": "illures light", "version": 1,\n "order": "${this.order}"`
    return `${head}, "coeffs": [\n  ${rows.join(",\n  ")}]}`
  }

  async copy() {
    this.text.select()
    try {
      await navigator.clipboard.writeText(this.text.value)
    } catch {
      document.execCommand("copy") // pages without TLS have no clipboard
    }
    this.told.textContent = "Copied."
  }

  apply() {
    const numbers = parsed(this.text.value)
    const isLight = numbers.length === 27 && numbers.every(Number.isFinite)
    this.told.textContent = isLight ? "" : NO_LIGHT
    if (!isLight) return
    studio.calm()
    studio.useNumbers(numbers)
  }
}

function parsed(text) {
  try {
    const light = JSON.parse(text)
    return (light.coeffs ?? light).flat().map(Number)
  } catch {
    return []
  }
}
