// What is said about a photo or a file, as long as nothing newer happens. The one beside the box
// for photos sends them as well, unless the page takes them by itself: Gradio's own box refuses
// pictures whose type the browser does not know, and shows nothing of a slow line.
import {studio} from "./studio.js"

const CAN = "image/*" // what a dialog offers first

const megabytes = bytes => Math.ceil(bytes / 2 ** 20)

export function mount(root, {trigger, props, watch}) {
  const place = root.querySelector(".said")
  const say = (text, bad = false) => {
    place.textContent = text
    place.classList.toggle("bad", bad)
  }
  watch("value", () => say(props.value?.text ?? "", props.value?.bad))
  studio.on("begin", () => say(""))
  if (!props.limit) return
  const take = photo => send(photo, props.limit, say, () => trigger("select", {}))
  listen(props.take ?? take, [CAN, ...props.suffixes].join())
}

// ---- files that are chosen, dropped or pasted

const photoBox = event => event.target.closest?.("#photo")
const photoOrStage = event => photoBox(event) || event.target.closest?.("#stage")

function listen(take, accept) {
  const before = (type, does) => document.addEventListener(type, does, true) // Gradio's own
  const takeFrom = (event, files) => {
    event.preventDefault()
    event.stopImmediatePropagation()
    if (files.length) take(files[0])
  }
  before("click", event => {
    const input = photoBox(event)?.querySelector("input[type=file]")
    if (input) input.accept = accept
  })
  before("change", event => {
    if (event.target.type !== "file" || !photoBox(event)) return
    takeFrom(event, [...event.target.files])
    event.target.value = "" // the same file can be chosen again
  })
  before("dragover", event => {
    if (photoOrStage(event)) event.preventDefault()
  })
  before("drop", event => {
    if (photoOrStage(event)) takeFrom(event, [...event.dataTransfer.files])
  })
  before("paste", event => {
    const files = [...event.clipboardData.files]
    if (files.length) takeFrom(event, files)
  })
}

// ---- a photo on its way to the server

function send(photo, limit, say, open) {
  const request = new XMLHttpRequest()
  const refuse = text => {
    studio.end()
    say(text, true)
  }
  const lost = () => refuse(`${photo.name} could not be sent: the line was lost.`)
  studio.begin(`Sending ${photo.name}`, () => request.abort())
  if (photo.size > limit) {
    const [size, most] = [megabytes(photo.size), megabytes(limit)]
    return refuse(`${photo.name} has ${size} MB; at most ${most} MB can be sent.`)
  }
  request.upload.onprogress = event => studio.progress(event.loaded / event.total)
  request.onerror = lost
  request.onabort = () => studio.end()
  request.onload = () => {
    if (request.status === 413) return refuse(`${photo.name} is larger than this server takes.`)
    if (request.status !== 200) return lost()
    studio.arrived(fileData(photo, JSON.parse(request.responseText)[0]))
    open()
  }
  const form = new FormData()
  form.append("files", photo, photo.name)
  request.open("POST", new URL("gradio_api/upload", document.baseURI))
  request.send(form)
}

// a file on the server, as Gradio speaks of it
function fileData({name, size}, path) {
  return {path, orig_name: name, size, meta: {_type: "gradio.FileData"}}
}
