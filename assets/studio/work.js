// What is being saved: how far it is beside its button, a way to break it off, the file at last, or
// what went wrong.
import {element} from "./dom.js"
import {address} from "./server.js"
import {studio} from "./studio.js"

const PATIENCE = 400 // ms until a bar appears

export function mount(root, {trigger, props, watch}) {
  const rows = new Map() // job → what the page shows of it

  const finish = (job, error) => {
    rows.get(job).finish(error)
    rows.delete(job)
  }

  studio.on("saving", (id, job) => rows.set(job, new Row(id, () => trigger("select", {job}))))
  // whatever is still shown by then was lost
  studio.on("saved", id => {
    for (const [job, row] of rows) if (row.id === id) finish(job, "The line was lost: try again.")
  })
  studio.on("begin", () => document.querySelectorAll(".work.bad").forEach(row => row.remove()))
  watch("value", () => {
    const {job, share, doing, done, file, name, error} = props.value ?? {}
    if (!rows.has(job)) return
    if (!done) return rows.get(job).show(share, doing)
    finish(job, error)
    if (file) download(file, name)
  })
}

class Row {
  constructor(id, leave) {
    this.id = id
    this.button = document.getElementById(id)
    this.button.ariaBusy = true
    this.bar = element("progress", {ariaLabel: `Making: ${this.button.textContent.trim()}`})
    this.text = element("span")
    const cancel = element("button", {className: "minor", textContent: "Cancel"})
    cancel.onclick = () => {
      this.text.textContent = "Stopping …"
      leave()
    }
    this.row = element("div", {className: "work"})
    this.row.append(this.bar, this.text, cancel)
    this.began = performance.now()
    this.shown = setTimeout(() => this.button.after(this.row), PATIENCE)
  }

  show(share, doing) {
    if (share === null) return
    const seconds = (performance.now() - this.began) / 1000
    const left = (seconds * (1 - share)) / Math.max(share, 0.01)
    const about = share > 0.05 && left > 2 ? `, about ${Math.round(left)} s left` : ""
    this.bar.value = share
    this.text.textContent = doing + about
  }

  finish(error) {
    clearTimeout(this.shown)
    this.button.ariaBusy = false
    if (!error) return this.row.remove()
    this.row.className = "work bad"
    this.row.replaceChildren(this.text)
    this.text.role = "status"
    this.text.textContent = error
    this.button.after(this.row)
  }
}

function download(path, name) {
  element("a", {href: address(path), download: name}).click()
}
