// What is said about a photo or a file, as long as nothing newer happens. The one beside the box for photos sends them as well:
// Gradio's own box refuses pictures whose type the browser does not know, and shows nothing of a slow line.
import {studio} from "./studio.js"

const CAN = "image/*" // what a dialog offers first
const MB = bytes => Math.ceil(bytes/2**20)

export function mount(root, {trigger, props, watch}) {
  const place = root.querySelector(".said")
  const say = (text, bad = false) => {
    place.textContent = text
    place.classList.toggle("bad", bad)
  }
  watch("value", () => say(props.value?.text ?? "", props.value?.bad))
  studio.on("begin", () => say(""))
  if (props.limit) listen(photo => send(photo, props.limit, say, trigger), [CAN, ...props.suffixes].join())
}

function listen(take, accept) { // to files that are chosen, dropped or pasted
  const box = event => event.target.closest?.("#photo")
  const mine = (event, files) => {
    event.preventDefault()
    event.stopImmediatePropagation()
    if (files.length) take(files[0])
  }
  document.addEventListener("click", event => {
    const input = box(event)?.querySelector("input[type=file]")
    if (input) input.accept = accept
  }, true)
  document.addEventListener("change", event => {
    if (event.target.type !== "file" || !box(event)) return
    mine(event, [...event.target.files])
    event.target.value = "" // the same file can be chosen again
  }, true)
  const onto = event => box(event) || event.target.closest?.("#stage")
  document.addEventListener("dragover", event => { if (onto(event)) event.preventDefault() }, true)
  document.addEventListener("drop", event => {
    if (onto(event)) mine(event, [...event.dataTransfer.files])
  }, true)
  document.addEventListener("paste", event => {
    const files = [...event.clipboardData.files]
    if (files.length) mine(event, files)
  }, true)
}

function send(photo, limit, say, trigger) {
  const request = new XMLHttpRequest(), form = new FormData()
  const refuse = text => {
    studio.end()
    say(text, true)
  }
  const lost = () => refuse(`${photo.name} could not be sent: the line was lost.`)
  studio.begin(`Sending ${photo.name}`, () => request.abort())
  if (photo.size > limit) return refuse(`${photo.name} has ${MB(photo.size)} MB; at most ${MB(limit)} MB can be sent.`)
  form.append("files", photo, photo.name)
  request.upload.onprogress = event => studio.progress(event.loaded/event.total)
  request.onerror = lost
  request.onabort = () => studio.end()
  request.onload = () => {
    if (request.status === 413) return refuse(`${photo.name} is larger than this server takes.`)
    if (request.status !== 200) return lost()
    const [path] = JSON.parse(request.responseText)
    studio.sent = {path, orig_name: photo.name, size: photo.size, meta: {_type: "gradio.FileData"}}
    trigger("select", {})
  }
  request.open("POST", new URL("gradio_api/upload", document.baseURI))
  request.send(form)
}
