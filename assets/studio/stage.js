// The picture of the photo, and about it what shows and moves it: each part has a module of its
// own.
import {showBusy} from "./busy.js"
import {FaceBoxes} from "./boxes.js"
import {Greeting} from "./greeting.js"
import {tend} from "./page.js"
import {followPointer} from "./pointer.js"
import {Split} from "./split.js"
import {studio} from "./studio.js"
import {Tiles} from "./tiles.js"

const BRING = "Bring a face: a photo of yours, or one of the examples."

// What the parts of the stage share
class Stage {
  enlarged = null // name of the map that is shown in place of the picture

  constructor(root) {
    this.$ = selector => root.querySelector(selector)
    this.frame = this.$(".frame")
    this.canvas = this.$(".picture")
    this.map = this.$(".map")
    this.hint = this.$(".hint")
  }

  trouble = error => {
    this.$(".what").textContent = error.message
    this.$(".waiting").textContent = error.message
  }
}

export function mount(root, {trigger, props, watch}) {
  const stage = new Stage(root)
  tend()
  studio.attach(stage.canvas)
  studio.on("missing", number => trigger("select", {face: number}))
  const receive = () => studio.receive(props.value).catch(stage.trouble)
  watch("value", receive)

  showBusy(stage)
  const boxes = new FaceBoxes(stage)
  const tiles = new Tiles(stage)
  const split = new Split(stage)
  const greeting = new Greeting(stage)
  showPhoto(stage, boxes, () => {
    tiles.enlarge(null)
    split.set(0)
    if (studio.photo) greeting.start()
  })
  followPointer(stage)
  undoByKeys()
  listenToButtons(stage)
  studio.on("tool", () => {
    stage.canvas.dataset.tool = studio.tool
  })
  receive()
}

// ---- the photo that is open

function showPhoto({$, frame}, boxes, begin) {
  studio.on("photo", () => {
    const open = Boolean(studio.photo)
    for (const part of [frame, $(".bar"), $(".strip")]) part.hidden = !open
    $(".waiting").hidden = open
    $(".waiting").textContent = BRING
    begin()
  })
  studio.on("view", () => {
    const {image, width, height} = studio.seen
    frame.style.aspectRatio = `${width}/${height}`
    frame.style.setProperty("--shape", width / height)
    $(".before").src = image.src
    $(".whole").setAttribute("aria-pressed", Boolean(studio.wholePhoto))
    boxes.draw()
  })
}

// ---- buttons and keys

function listenToButtons({$, hint, trouble}) {
  $(".whole").onclick = () => studio.toggleWhole().catch(trouble)
  $(".undo").onclick = () => studio.undo()
  $(".redo").onclick = () => studio.redo()
  studio.on("history", () => {
    if (studio.canUndo) hint.hidden = true
    $(".undo").disabled = !studio.canUndo
    $(".redo").disabled = !studio.canRedo
  })
  studio.on("panel", () => {
    hint.hidden = true
  })
}

function undoByKeys() {
  document.addEventListener("keydown", event => {
    if (!(event.ctrlKey || event.metaKey) || isWritten(event.target)) return
    const key = event.key.toLowerCase()
    const redo = key === "y" || (key === "z" && event.shiftKey)
    if (!redo && key !== "z") return
    event.preventDefault()
    if (redo) studio.redo()
    else studio.undo()
  })
}

// whether an element has an undo of its own
function isWritten({tagName, type}) {
  return /^(INPUT|TEXTAREA|SELECT)$/.test(tagName) && type !== "range"
}
