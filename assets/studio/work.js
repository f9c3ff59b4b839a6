// What is being saved: how far it is beside its button, a way to break it off, the file at last, or what went wrong.
import {address, studio} from "./studio.js"

const PATIENCE = 400 // ms until a bar appears
const rows = new Map() // job → what the page shows of it

export function mount(root, {trigger, props, watch}) {
  studio.on("saving", (id, job) => rows.set(job, start(id, () => trigger("select", {job}))))
  studio.on("saved", id => { // whatever is still shown by then was lost
    for (const [job, row] of rows) if (row.id === id) finish(job, "The line was lost: try again.")
  })
  studio.on("begin", () => document.querySelectorAll(".work.bad").forEach(o => o.remove()))
  watch("value", () => {
    const {job, share, doing, done, file, name, error} = props.value ?? {}
    if (!rows.has(job)) return
    if (!done) return rows.get(job).show(share, doing)
    finish(job, error)
    if (file) download(file, name)
  })
}

function start(id, leave) {
  const button = document.getElementById(id), row = document.createElement("div")
  const bar = document.createElement("progress"), text = document.createElement("span")
  const cancel = Object.assign(document.createElement("button"), {type: "button", className: "minor", textContent: "Cancel"})
  button.ariaBusy = true
  row.className = "work"
  bar.ariaLabel = `Making: ${button.textContent.trim()}`
  row.append(bar, text, cancel)
  const began = performance.now(), shown = setTimeout(() => button.after(row), PATIENCE)
  cancel.onclick = () => {
    text.textContent = "Stopping …"
    leave()
  }
  function show(share, doing) {
    if (share === null) return
    const left = (performance.now() - began)/1000*(1 - share)/Math.max(share, .01)
    bar.value = share
    text.textContent = doing + (share > .05 && left > 2 ? `, about ${Math.round(left)} s left` : "")
  }
  return {id, button, row, text, shown, show}
}

function finish(job, error) {
  const {button, row, text, shown} = rows.get(job)
  clearTimeout(shown)
  rows.delete(job)
  button.ariaBusy = false
  if (!error) return row.remove()
  row.className = "work bad"
  row.replaceChildren(text)
  text.role = "status"
  text.textContent = error
  button.after(row)
}

function download(path, name) {
  Object.assign(document.createElement("a"), {href: address(path), download: name}).click()
}
