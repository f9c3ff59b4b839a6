// What the page knows: the photo's faces with their maps, how each is lit and painted, and what can
// be undone. Panels listen to it. After a face's maps have come, nothing here asks the server for
// anything until something is saved.
import {Face, asFound} from "./face.js"
import {mirrored} from "./ball.js"
import {behindOn} from "./behind.js"
import {compositor} from "./composite.js"
import {Paint, WHOLE, forServer, fromServer, picture} from "./paint.js"
import {address, fetchImage, unpack} from "./server.js"

const HISTORY = 40 // moments that can be gone back to
const MOVING = 500 // ms from a picture to a change of the light that is one movement with it
const REST = 150 // ms without a change until a light that was moved is drawn finely
const STATES = ["view", "chosen", "light", "layers", "background", "history", "drawn", "panel"]
const AS_IT_IS = {kind: "photo", colour: "#8a97a3"} // a background
const SECOND_LIGHT = {
  source: "lamp",
  azimuth: 50,
  elevation: 25,
  strength: 0.4,
  warm: 0,
  softness: 0.15,
}

class Studio {
  listeners = {} // name of an event → functions
  home = new URL(".", import.meta.url).href // of the scripts

  // the photo
  latest = null // the photo that came last from the server
  photo = null // the one that is open, as illures_demo/payload.py sends it
  line = Promise.resolve() // photos are opened one after the other
  faces = new Map() // number → `Face`
  views = {} // name → picture of the photo or of a part of it
  seen = null // the view that is shown
  canvas = null
  compositor = null
  frame = null // one that is to be drawn
  rest = null // a finer one, as soon as the light rests
  drawn = -Infinity // when the picture was, under a changed light, ms
  isMoving = false // the light, by hand or by itself

  // what was chosen
  chosen = 1 // a face, or "all"
  wanted = null // the same, while its maps are on their way
  wholePhoto = false
  layer = null // id of a layer of paint
  panel = "light" // the tab in front
  tool = "light" // what the pointer does on the picture
  kind = "png" // of the picture that is saved

  // what is behind the person
  background = AS_IT_IS // kind: "photo", "colour", "transparent" or "picture"
  place = null // {name, image} of a picture that the visitor brought
  cuts = new Map() // view → its people, cut out

  // what was done
  history = []
  now = -1
  busy = null // what the photo waits for
  sent = null // a photo on the server that is to be opened
  jobs = 0 // that were begun to save something

  // ---- events

  // a panel that comes late hears at once how things are
  on(name, does) {
    this.listeners[name] ??= []
    this.listeners[name].push(does)
    if (this.seen && STATES.includes(name)) does()
  }

  tell(name, ...what) {
    for (const does of this.listeners[name] ?? []) does(...what)
  }

  front(panel) {
    this.panel = panel
    this.tell("panel")
  }

  useTool(tool) {
    this.tool = tool
    this.tell("tool")
  }

  // a ring about the pointer, `share` of the crop's side wide; no event hides it
  cursor(event, share) {
    this.tell("cursor", event, share)
  }

  // who does something has seen enough of the light that goes round by itself
  calm() {
    this.tell("calm")
  }

  // ---- what the server sends

  attach(canvas) {
    this.canvas = canvas
    this.compositor = compositor(canvas)
    canvas.addEventListener("webglcontextlost", event => event.preventDefault())
    canvas.addEventListener("webglcontextrestored", () => {
      this.compositor = compositor(canvas)
      this.show()
    })
  }

  // one after the other, in the order in which they came
  receive(photo) {
    this.latest = photo
    this.line = this.line.catch(() => {}).then(() => this.open(photo))
    return this.line
  }

  async open(photo) {
    if (photo?.visit !== this.latest?.visit) return // another photo came meanwhile
    if (photo?.visit !== this.photo?.visit) this.clear()
    if (!photo) return
    this.photo = photo
    for (const [number, face] of Object.entries(photo.faces)) await this.take(Number(number), face)
    const first = !this.seen
    if (first) {
      this.chosen = Number(Object.keys(photo.faces)[0])
      this.wholePhoto = this.count > 1
    }
    this.chooseWanted()
    if (first || this.viewName !== this.seen.name) await this.show()
    else if (this.background.kind !== "photo") await this.layBehind()
    if (first) {
      this.remember()
      this.tell("photo")
    }
    this.tellOfFace()
  }

  // a face that had to be waited for
  chooseWanted() {
    const {wanted} = this
    const here = wanted === "all" ? this.faces.size === this.count : this.faces.has(wanted)
    if (!here) return
    this.chosen = wanted
    this.wanted = null
  }

  tellOfFace() {
    this.tell("chosen")
    this.tell("light")
    this.tell("layers")
  }

  async take(number, record) {
    const folder = this.photo.folder + "/"
    if (!this.faces.has(number)) {
      const maps = await unpack(folder + record.maps.file, record.maps.index)
      this.faces.set(number, new Face(number, record, maps, this.photo.size))
    }
    const face = this.faces.get(number)
    if (record.paint && !face.paint) await this.takePaint(face, record.paint, folder)
  }

  async takePaint(face, {file, index, fine, healed, touches, level, tone}, folder) {
    const [flat, found, even, ready] = await Promise.all([
      unpack(folder + file, index),
      picture(address(folder + fine)),
      picture(address(folder + healed)),
      fetch(address(folder + touches)).then(answer => answer.json()),
    ])
    const {unrolled} = flat
    const pictures = {fine: found.data, healed: even.data}
    face.paint = new Paint({...pictures, level, tone, unrolled, size: face.size})
    face.touches = ready
  }

  clear() {
    this.photo = null
    this.faces = new Map()
    this.views = {}
    this.cuts = new Map()
    this.background = AS_IT_IS
    this.seen = null
    this.history = []
    this.now = -1
    this.chosen = 1
    this.wholePhoto = false
    this.tell("photo")
    this.tell("background")
  }

  // ---- the picture of the photo, or of a part of it

  get viewName() {
    return this.wholePhoto || this.chosen === "all" ? "whole" : `close-${this.chosen}`
  }

  async show() {
    const {viewName: name, photo} = this
    if (!this.views[name]) {
      const {file, back} = photo.views[name]
      const image = await fetchImage(photo.folder + "/" + file)
      if (photo.visit !== this.photo?.visit) return
      const {naturalWidth: width, naturalHeight: height} = image
      this.views[name] = {name, image, back, width, height}
    }
    if (name !== this.viewName) return // another one meanwhile
    this.seen = this.views[name]
    this.compositor.show(this.seen.image)
    await this.layBehind()
    this.tell("view")
    this.redraw(true)
  }

  toggleWhole() {
    this.wholePhoto = !this.wholePhoto
    return this.show()
  }

  // ---- the background

  setBackground(fields) {
    this.background = {...this.background, ...fields}
    return this.changeBackground()
  }

  changeBackground() {
    this.tell("background")
    return this.layBehind()
  }

  // under the people of the view that is seen
  async layBehind() {
    const {background, seen, photo, place} = this
    if (background.kind === "photo") {
      if (this.compositor.scene) this.compositor.putBefore(null)
    } else {
      const cut = await this.cutOf(seen.name)
      if (!cut || background !== this.background || seen !== this.seen) return
      const behind = behindOn(seen, photo.size, background, place?.image)
      this.compositor.putBefore({cut, behind})
    }
    this.redraw()
  }

  // the people of a view; they come a moment after its maps
  async cutOf(name) {
    const file = this.photo.views[name].cut
    if (!file) return null
    if (!this.cuts.has(name)) this.cuts.set(name, fetchImage(this.photo.folder + "/" + file))
    return this.cuts.get(name)
  }

  // whether the picture is still to be drawn
  get asked() {
    return this.frame ?? this.rest
  }

  // a light that moves is drawn coarsely, and finely once it rests
  redraw(light = false) {
    if (!this.seen) return
    if (light) this.forgetLight()
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      this.draw()
    })
  }

  forgetLight() {
    this.isMoving = performance.now() - this.drawn < MOVING
    for (const face of this.active) face.lines = null
    clearTimeout(this.rest)
    this.rest = null
  }

  draw() {
    if (!this.seen) return
    const faces = [...this.faces.values()].filter(face => face.touched)
    const changed = faces.filter(face => !face.lines)
    for (const face of changed) face.relight(this.isMoving)
    this.compositor.draw(faces.map(face => face.on(this.seen)))
    if (changed.length) this.drawn = performance.now()
    if (faces.some(face => face.isCoarse)) this.rest ??= setTimeout(() => this.drawFinely(), REST)
    this.tell("drawn")
  }

  drawFinely() {
    this.rest = null
    this.isMoving = false
    for (const face of this.faces.values()) if (face.isCoarse) face.lines = null
    this.redraw()
  }

  // ---- faces

  get face() {
    const number = this.chosen === "all" ? 1 : this.chosen
    return this.faces.get(number) ?? this.faces.values().next().value
  }

  get active() {
    return this.chosen === "all" ? [...this.faces.values()] : [this.face]
  }

  get look() {
    return this.face.look
  }

  get count() {
    return this.photo?.boxes.length ?? 0
  }

  // a face, or "all"; the server is asked for the maps of those that are not here yet
  async choose(number) {
    const missing = number === "all" ? this.faces.size < this.count : !this.faces.has(number)
    if (missing) {
      this.wanted = number
      this.begin("Taking the face apart")
      return this.tell("missing", number)
    }
    this.chosen = number
    this.layer = null
    await this.show()
    this.tellOfFace()
  }

  // ---- light

  // `what`: of the look; `light`: of the light that is chosen
  change(what, light = {}) {
    for (const face of this.active) {
      const {look} = face
      const lights = look.lights.map((one, i) => (i === look.at ? {...one, ...light} : one))
      face.look = {...look, lights, ...what}
    }
    this.tell("light")
    this.redraw(true)
  }

  // the light that is chosen
  get chosenLight() {
    return this.look.lights[this.look.at]
  }

  point(azimuth, elevation) {
    this.change({}, {azimuth, elevation})
  }

  // Whoever moves a light by hand wants it before the face, unless it was put behind the head
  get behind() {
    const {azimuth} = this.chosenLight
    return azimuth !== null && Math.abs(azimuth) > 90
  }

  hold(azimuth, elevation) {
    this.point(this.behind ? mirrored(azimuth) : azimuth, elevation)
  }

  // of the head
  toOtherSide() {
    const [azimuth, elevation] = this.face.aim(this.chosenLight)
    const there = Math.abs(azimuth) > 90
    this.point(there === this.behind ? mirrored(azimuth) : azimuth, elevation)
    this.remember()
  }

  // by keyboard
  step(right, up) {
    const [azimuth, elevation] = this.face.aim(this.chosenLight)
    const before = this.behind ? mirrored(azimuth) : azimuth
    const within = v => Math.min(90, Math.max(-90, v))
    this.hold(within(before + right), within(elevation + up))
    this.remember()
  }

  use(source) {
    this.change({}, {source, azimuth: null, elevation: null})
  }

  addLight() {
    this.eachLook(({lights}) => ({lights: [...lights, {...SECOND_LIGHT}], at: lights.length}))
  }

  dropLight(dropped) {
    this.eachLook(({lights, at}) => ({
      lights: lights.filter((_, i) => i !== dropped),
      at: Math.max(0, Math.min(at, lights.length - 2)),
    }))
  }

  chooseLight(at) {
    this.eachLook(() => ({at}))
  }

  useNumbers(exact) {
    this.eachLook(() => {
      const look = asFound()
      return {...look, lights: [{...look.lights[0], source: {exact}}]}
    })
  }

  resetLight() {
    this.eachLook(asFound)
  }

  eachLook(next) {
    for (const face of this.active) face.look = {...face.look, ...next(face.look)}
    this.tell("light")
    this.redraw(true)
    this.remember()
  }

  // ---- layers of paint, on the chosen face

  setLayers(layers, box = WHOLE, remember = true) {
    const {face} = this
    face.layers = layers
    face.paint.apply(layers, box)
    this.redraw()
    if (!remember) return
    this.tell("layers")
    this.remember()
  }

  async addTouch(touch) {
    this.addLayer(await fromServer(touch))
  }

  addLayer(layer) {
    this.layer = layer.id
    this.setLayers([...this.face.layers, layer])
  }

  // an empty layer that is painted on at once: it is drawn, and remembered, with what comes on it
  startLayer(layer) {
    this.layer = layer.id
    this.face.layers = [...this.face.layers, layer]
  }

  changeLayer(id, fields, remember = true, box = WHOLE) {
    const changed = layer => (layer.id === id ? {...layer, ...fields} : layer)
    this.setLayers(this.face.layers.map(changed), box, remember)
  }

  removeLayer(id) {
    this.setLayers(this.face.layers.filter(layer => layer.id !== id))
  }

  chooseLayer(id) {
    this.layer = id
  }

  get chosenLayer() {
    return this.face?.layers.find(layer => layer.id === this.layer)
  }

  // ---- undo

  remember() {
    const faces = [...this.faces.values()].map(face => {
      const {look, layers} = face
      return {face, look, layers}
    })
    const now = {faces, background: this.background}
    if (isSame(now, this.history[this.now])) return
    this.history = [...this.history.slice(0, this.now + 1), now].slice(-HISTORY)
    this.now = this.history.length - 1
    this.tell("history")
  }

  get canUndo() {
    return this.now > 0
  }

  get canRedo() {
    return this.now < this.history.length - 1
  }

  undo() {
    if (this.canUndo) this.restore(--this.now)
  }

  redo() {
    if (this.canRedo) this.restore(++this.now)
  }

  restore(moment) {
    const {faces, background} = this.history[moment]
    for (const {face, look, layers} of faces) {
      if (layers !== face.layers) face.paint.apply(layers)
      Object.assign(face, {look, layers, lines: null})
    }
    if (background !== this.background) {
      this.background = background
      this.changeBackground()
    }
    this.tell("light")
    this.tell("layers")
    this.tell("history")
    this.redraw()
  }

  // ---- what takes long; messages belong to what was done last

  // a photo is on its way, or being taken apart; an older one on its way is not wanted any more
  begin(what, cancel = null) {
    this.busy?.cancel?.()
    this.busy = {what, cancel, share: null}
    this.tell("begin")
    this.tell("busy")
  }

  progress(share) {
    Object.assign(this.busy, {share})
    this.tell("busy")
  }

  end() {
    this.busy = null
    this.tell("busy")
  }

  // a photo that is on the server now, to be opened as soon as Gradio asks
  arrived(file) {
    this.sent = file
  }

  // what Gradio asks the server with: a photo that was sent, or one of its own box
  opening(taken, photo) {
    const file = this.sent ?? photo
    this.sent = null
    if (file) this.begin("Looking for faces")
    return [taken, file]
  }

  // the server has answered, and what it said is open, or was refused
  settled() {
    const work = this.busy
    setTimeout(async () => {
      await this.line.catch(() => {})
      if (this.busy === work && !work?.cancel) this.end()
    }, 50)
  }

  // ---- saving

  saveAs(kind) {
    this.kind = kind
  }

  // what Gradio's button sends
  saving(taken, id) {
    const job = `${id} ${++this.jobs}`
    this.tell("begin")
    this.tell("saving", id, job)
    return [taken, {...this.scene(), job, kind: this.kind}]
  }

  saved(id) {
    setTimeout(() => this.tell("saved", id), 300)
  }

  // everything that was done, for the server to do it again at full resolution
  scene() {
    const faces = [...this.faces.values()].filter(face => face.touched)
    const number = this.face?.number ?? 1
    return {version: 1, face: number, faces: faces.map(faceForServer), background: this.background}
  }
}

// whether nothing was done between two moments
function isSame(now, last) {
  if (now.background !== last?.background || now.faces.length !== last.faces.length) return false
  const same = (a, b) => a.look === b.look && a.layers === b.layers
  return now.faces.every((moment, i) => same(moment, last.faces[i]))
}

function faceForServer({number, light, shining, look, layers}) {
  const {contrast, effect: strength, shine, shadows} = look
  const rows = Array.from({length: 9}, (_, i) => light.slice(3 * i, 3 * i + 3))
  const named = ({source, ...rest}) => ({...rest, source: source.exact ? "numbers" : source})
  return {
    face: number,
    light: rows,
    lamps: shining.lamps.record,
    known: shining.isKnown,
    lights: look.lights.map(named),
    ambient: look.ambient,
    staging: {contrast, strength, shine, shadows},
    layers: layers.map(forServer),
  }
}

export const studio = new Studio()
globalThis.illures = studio // for Gradio's own events, which name it in app.py
