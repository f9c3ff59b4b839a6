// PNG or JPEG: as the photo came, until the visitor chooses; the choice is remembered in this browser.
import {studio} from "./studio.js"

const KEY = "illures.kind"

function remembered() {
  try { return localStorage.getItem(KEY) } catch { return null } // a page inside another one may have no memory
}

function remember(kind) {
  try { localStorage.setItem(KEY, kind) } catch { /* until the page is closed */ }
}

export function mount(root) {
  let chosen = remembered()
  const choices = [...root.querySelectorAll("input")]
  const show = () => {
    studio.kind = chosen ?? studio.told?.kind ?? "png"
    for (const choice of choices) choice.checked = choice.value === studio.kind
  }
  for (const choice of choices) choice.onchange = () => {
    chosen = choice.value
    remember(chosen)
    show()
  }
  studio.on("photo", show)
  show()
}
