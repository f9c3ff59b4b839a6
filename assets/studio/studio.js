// What the page knows: the photo's faces with their maps, how each is lit and painted, and what can be undone. Panels listen to it.
// After a face's maps have come, nothing here asks the server for anything until something is saved.
import * as sh from "./sh.js"
import {Maps, blur} from "./relight.js"
import {compositor} from "./composite.js"
import {mirrored} from "./ball.js"
import {Paint, fromServer, forServer, picture, WHOLE} from "./paint.js"

const OWN = "own", HISTORY = 40
const FORGOTTEN = "The photo was forgotten after some hours: send it again."
const STATES = ["view", "chosen", "light", "layers", "history", "drawn", "panel"]

export const address = path => new URL("gradio_api/file=" + path.split("/").map(encodeURIComponent).join("/"), document.baseURI).href

const lost = () => { throw new Error("The photo could not be fetched: the line was lost. Send it again.") }

async function unpack(path, index) { // a file of 16-bit numbers → name → Float32Array
  const answer = await fetch(address(path)).catch(lost)
  if (!answer.ok) throw new Error(FORGOTTEN)
  const data = await answer.arrayBuffer()
  return Object.fromEntries(Object.entries(index).map(([name, {at, count, low, high}]) => {
    const k = (high - low)/65535, levels = new Uint16Array(data, at, count)
    return [name, Float32Array.from(levels, v => low + k*v)]
  }))
}

export function refill(box, ...children) { // new content; who was on the third control by keyboard is there again
  const all = () => [...box.querySelectorAll("button, input, select")], at = all().indexOf(document.activeElement)
  box.replaceChildren(...children)
  if (at >= 0) all()[Math.min(at, all().length - 1)]?.focus()
}

export function seldom(wait, does) { // at most every `wait` ms: at once after a pause, and at the end for how things are by then
  let last = -wait, later = null
  const now = () => { last = performance.now(); does() }
  return () => {
    clearTimeout(later)
    const left = last + wait - performance.now()
    if (left > 0) later = setTimeout(now, left)
    else now()
  }
}

const then = (B, A) => A.map(([a, b, c]) => [a*B[0][0] + b*B[1][0], a*B[0][1] + b*B[1][1], a*B[0][2] + b*B[1][2] + c]) // first B, then A
export const inverse = ([[a, b, c], [d, e, f]]) => { const k = 1/(a*e - b*d); return [[e*k, -b*k, (b*f - c*e)*k], [-d*k, a*k, (c*d - a*f)*k]] }
export const moved = ([[a, b, c], [d, e, f]], [x, y]) => [a*x + b*y + c, d*x + e*y + f]

const asFound = () => ({lights: [{source: OWN, azimuth: null, elevation: null, strength: 1, warm: 0, softness: 0}], at: 0, ambient: 0, residual: 1})

class Face {
  constructor(number, {size, margin, light, transform}, maps) {
    const own = light.flat(), reach = size + 2*margin
    Object.assign(this, {number, size, own, M: transform, maps: new Maps({size, light: own, ...maps}), look: asFound(), layers: []})
    this.reach = {mask: maps.reach, size: reach, margin}
    this.views = new Map()
    this.bases = new Map()
    this.peak = sh.peak(own)
  }

  get touched() { return JSON.stringify(this.look) !== JSON.stringify(asFound()) || this.painted }
  get painted() { return this.paint && this.layers.some(o => o.visible) }

  base(source) { // a named light, as bright as the photo's own
    if (source === OWN) return this.own
    if (source.exact) return source.exact
    const light = sources[source]
    if (this.bases.get(source)?.light !== light) this.bases.set(source, {light, as: sh.matched(light, this.own)})
    return this.bases.get(source).as
  }

  aim({azimuth, elevation, source}) { const [a, e] = sh.angles(this.base(source)); return [azimuth ?? a, elevation ?? e] }

  one(light) { // of its lights, alone
    const [azimuth, elevation] = this.aim(light), found = this.base(light.source)
    const base = made.has(light.source) ? found : sh.forTurning(found, azimuth, elevation)
    return sh.aimed({...light, base, azimuth, elevation})
  }

  get light() { // worked out once for every look
    const {look} = this
    if (this.lit?.look !== look) this.lit = {look, light: sh.sum([...look.lights.map(o => this.one(o)), sh.even(look.ambient*this.peak)])}
    return this.lit.light
  }

  relight() { // S² maps under the light as it is; what the compositor takes
    const {maps, look} = this, rendering = maps.render(this.light, maps.albedo, look.residual)
    const [slope, offset] = maps.fit(maps.logGain(rendering))
    this.relit = {slope, offset, shine: null}
  }

  gloss() { // the share of shine in what the light brings, which paint does not cover
    const {maps, look} = this, shine = new Float32Array(maps.size**2)
    for (let p = 0; p < shine.length; p++) {
      let gloss = 0, all = 0
      for (let c = 0, i = 3*p; c < 3; c++, i++) {
        const g = sh.LUMINANCE[c]*Math.max(0, look.residual*maps.residual[i])
        gloss += g
        all += g + sh.LUMINANCE[c]*maps.albedo[i]*maps.shading[i]
      }
      shine[p] = gloss/Math.max(all, .001)
    }
    return shine
  }

  place(view) { // where the face is on a view, worked out once
    if (!this.views.has(view)) {
      const M = then(view.back, this.M), k = Math.hypot(M[0][0], M[1][0]), {mask, size, margin} = this.reach
      const sigma = k > 1 ? .5*Math.sqrt(k*k - 1) : 0
      const box = span(mask, size).map(([x, y]) => moved(inverse(M), [x - margin, y - margin]))
      const [xs, ys] = [0, 1].map(i => box.map(o => o[i])), fit = (v, n) => Math.min(n, Math.max(0, v))
      this.views.set(view, {M, sigma, reach: {mask: sigma ? blur(mask.slice(), size, 1, sigma) : mask, size, margin},
        box: [fit(Math.floor(Math.min(...xs)), view.width), fit(Math.floor(Math.min(...ys)), view.height),
              fit(Math.ceil(Math.max(...xs)) + 1, view.width), fit(Math.ceil(Math.max(...ys)) + 1, view.height)]})
    }
    return this.views.get(view)
  }

  on(view) { // the face as it is now, for the compositor
    const {M, sigma, box, reach} = this.place(view), {size, painted, relit} = this
    const soft = x => sigma ? blur(x.slice(), size, 3, sigma) : x // a face smaller than its crop
    if (painted) relit.shine ??= this.gloss()
    return {M, box, reach, size, slope: soft(relit.slope), offset: soft(relit.offset), shine: relit.shine, ratio: painted ? this.paint.ratio : null}
  }
}

function span(mask, size) { // corners of the box about what is not 0, and a pixel around it
  let x0 = size, y0 = size, x1 = 0, y1 = 0
  mask.forEach((v, p) => {
    if (v === 0) return
    const x = p % size, y = (p/size) | 0
    x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y)
  })
  return [[x0 - 1, y0 - 1], [x1 + 1, y0 - 1], [x0 - 1, y1 + 1], [x1 + 1, y1 + 1]]
}

const sources = {} // name → light
const made = new Set() // those that were not fitted to a face: they can be turned as they are

class Studio {
  listeners = {}
  faces = new Map()
  chosen = 1
  panel = "light" // the tab in front
  tool = "light"  // what the pointer does on the picture
  history = []
  now = -1
  line = Promise.resolve()
  sources = sources
  made = made
  home = new URL(".", import.meta.url).href // of the scripts
  busy = null // what the photo waits for
  sent = null // a photo on the server that is to be opened
  kind = "png" // of the picture that is saved
  jobs = 0 // that were begun to save something

  on(name, does) { // a panel that comes late hears at once how things are
    (this.listeners[name] ??= []).push(does)
    if (this.seen && STATES.includes(name)) does()
  }
  tell(name, ...what) { for (const does of this.listeners[name] ?? []) does(...what) }

  front(panel) { this.panel = panel; this.tell("panel") }

  // ---- what the server sends

  attach(canvas) {
    this.canvas = canvas
    this.compositor = compositor(canvas)
    canvas.addEventListener("webglcontextlost", e => e.preventDefault())
    canvas.addEventListener("webglcontextrestored", () => { this.compositor = compositor(canvas); this.show() })
  }

  receive(told) { // one after the other, in the order in which they came
    this.latest = told
    return this.line = this.line.catch(() => {}).then(() => this.open(told))
  }

  async open(told) {
    if (told?.visit !== this.latest?.visit) return // another photo came meanwhile
    if (told?.visit !== this.told?.visit) this.clear()
    if (!told) return
    this.told = told
    for (const [number, o] of Object.entries(told.faces)) await this.take(Number(number), o)
    const first = !this.seen
    if (first) Object.assign(this, {chosen: Number(Object.keys(told.faces)[0]), wholePhoto: this.count > 1})
    if (this.wanted === "all" ? this.faces.size === this.count : this.faces.has(this.wanted)) [this.chosen, this.wanted] = [this.wanted, null]
    if (first || this.viewName !== this.seen.name) await this.show()
    if (first) { this.remember(); this.tell("photo") }
    this.tell("chosen"); this.tell("light"); this.tell("layers")
  }

  async take(number, o) {
    const folder = this.told.folder + "/"
    if (!this.faces.has(number)) {
      this.faces.set(number, new Face(number, o, await unpack(folder + o.maps.file, o.maps.index)))
    }
    const face = this.faces.get(number)
    if (!o.paint || face.paint) return
    const [{unrolled}, fine, healed, touches] = await Promise.all([unpack(folder + o.paint.file, o.paint.index), picture(address(folder + o.paint.fine)),
      picture(address(folder + o.paint.healed)), fetch(address(folder + o.paint.touches)).then(x => x.json())])
    face.paint = new Paint({fine: fine.data, healed: healed.data, level: o.paint.level, tone: o.paint.tone, unrolled, size: face.size})
    face.touches = touches
  }

  clear() {
    Object.assign(this, {told: null, faces: new Map(), views: {}, seen: null, history: [], now: -1, chosen: 1, wholePhoto: false})
    this.tell("photo")
  }

  get viewName() { return this.wholePhoto || this.chosen === "all" ? "whole" : `close-${this.chosen}` }

  async show() { // the picture of the photo, or of a part of it, that is wanted
    const {viewName: name, told} = this
    if (!this.views[name]) {
      const {file, back} = told.views[name], image = new Image()
      image.src = address(told.folder + "/" + file)
      await image.decode().catch(() => { throw new Error(FORGOTTEN) })
      if (told.visit !== this.told?.visit) return
      this.views[name] = {name, image, back, width: image.naturalWidth, height: image.naturalHeight}
    }
    if (name !== this.viewName) return // another one meanwhile
    this.seen = this.views[name]
    this.compositor.show(this.seen.image)
    this.tell("view")
    this.redraw(true)
  }

  // ---- faces

  get face() { return this.faces.get(this.chosen === "all" ? 1 : this.chosen) ?? this.faces.values().next().value }
  get active() { return this.chosen === "all" ? [...this.faces.values()] : [this.face] }
  get look() { return this.face.look }
  get count() { return this.told?.boxes.length ?? 0 }

  async choose(number) { // a face, or "all"; the server is asked for the maps of those that are not here yet
    const missing = number === "all" ? this.faces.size < this.count : !this.faces.has(number)
    if (missing) {
      this.wanted = number
      this.begin("Taking the face apart")
      return this.tell("missing", number)
    }
    this.chosen = number
    this.layer = null
    await this.show()
    this.tell("chosen"); this.tell("light"); this.tell("layers")
  }

  // ---- drawing

  redraw(light = false) {
    if (!this.seen) return
    for (const face of this.active) if (light) face.relit = null
    this.asked ??= requestAnimationFrame(() => { this.asked = null; this.draw() })
  }

  draw() {
    if (!this.seen) return
    const faces = [...this.faces.values()].filter(o => o.touched)
    for (const face of faces) if (!face.relit) face.relight()
    this.compositor.draw(faces.map(o => o.on(this.seen)))
    this.tell("drawn")
  }

  // ---- light

  change(what, light = {}) { // `what`: of the look; `light`: of the light that is chosen
    for (const face of this.active) {
      const lights = face.look.lights.map((o, i) => i === face.look.at ? {...o, ...light} : o)
      face.look = {...face.look, lights, ...what}
    }
    this.tell("light")
    this.redraw(true)
  }

  point(azimuth, elevation) { this.change({}, {azimuth, elevation}) }

  // Whoever moves a light by hand wants it before the face, unless it was put behind the head
  get behind() { const {azimuth} = this.look.lights[this.look.at]; return azimuth !== null && Math.abs(azimuth) > 90 }
  hold(azimuth, elevation) { this.point(this.behind ? mirrored(azimuth) : azimuth, elevation) }

  toOtherSide() { // of the head
    const {behind} = this, [azimuth, elevation] = this.face.aim(this.look.lights[this.look.at]), there = Math.abs(azimuth) > 90
    this.point(there === behind ? mirrored(azimuth) : azimuth, elevation)
    this.remember()
  }

  step(right, up) { // by keyboard
    const {behind} = this, [azimuth, elevation] = this.face.aim(this.look.lights[this.look.at])
    const within = (v, most) => Math.min(most, Math.max(-most, v))
    this.hold(within((behind ? mirrored(azimuth) : azimuth) + right, 90), within(elevation + up, 90))
    this.remember()
  }

  use(source) { this.change({}, {source, azimuth: null, elevation: null}) }
  addLight() { this.eachLook(o => ({lights: [...o.lights, {source: "lamp", azimuth: 50, elevation: 25, strength: .4, warm: 0, softness: .15}], at: o.lights.length})) }
  dropLight(at) { this.eachLook(o => ({lights: o.lights.filter((_, i) => i !== at), at: Math.max(0, Math.min(o.at, o.lights.length - 2))})) }
  chooseLight(at) { this.eachLook(() => ({at})) }
  useNumbers(exact) { this.eachLook(() => ({...asFound(), lights: [{...asFound().lights[0], source: {exact}}]})) }
  resetLight() { this.eachLook(asFound) }

  eachLook(next) {
    for (const face of this.active) face.look = {...face.look, ...next(face.look)}
    this.tell("light")
    this.redraw(true)
    this.remember()
  }

  // ---- layers

  setLayers(layers, box = WHOLE, remember = true) { // of the chosen face
    const {face} = this
    face.layers = layers
    face.paint.apply(layers, box)
    this.redraw()
    if (remember) { this.tell("layers"); this.remember() }
  }

  async addTouch(o) { this.addLayer(await fromServer(o)) }
  addLayer(o) { this.layer = o.id; this.setLayers([...this.face.layers, o]) }
  changeLayer(id, fields, remember = true) { this.setLayers(this.face.layers.map(o => o.id === id ? {...o, ...fields} : o), WHOLE, remember) }
  get chosenLayer() { return this.face?.layers.find(o => o.id === this.layer) }

  // ---- undo

  remember() {
    const now = [...this.faces.values()].map(face => ({face, look: face.look, layers: face.layers})), last = this.history[this.now]
    if (last?.length === now.length && now.every((o, i) => o.look === last[i].look && o.layers === last[i].layers)) return
    this.history = [...this.history.slice(0, this.now + 1), now].slice(-HISTORY)
    this.now = this.history.length - 1
    this.tell("history")
  }

  get canUndo() { return this.now > 0 }
  get canRedo() { return this.now < this.history.length - 1 }
  undo() { if (this.canUndo) this.restore(--this.now) }
  redo() { if (this.canRedo) this.restore(++this.now) }

  restore(moment) {
    for (const {face, look, layers} of this.history[moment]) {
      if (layers !== face.layers) face.paint.apply(layers)
      Object.assign(face, {look, layers, relit: null})
    }
    this.tell("light"); this.tell("layers"); this.tell("history")
    this.redraw()
  }

  // ---- what takes long; messages belong to what was done last

  begin(what, cancel = null) { // a photo is on its way, or being taken apart; an older one on its way is not wanted any more
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

  opening(taken, photo) { // what Gradio asks the server with: a photo that was sent, or one of its own box
    const file = this.sent ?? photo
    this.sent = null
    if (file) this.begin("Looking for faces")
    return [taken, file]
  }

  settled() { // the server has answered, and what it said is open, or was refused
    const work = this.busy
    setTimeout(async () => {
      await this.line.catch(() => {})
      if (this.busy === work && !work?.cancel) this.end()
    }, 50)
  }

  // ---- saving

  saving(taken, id) { // what Gradio's button sends
    const job = `${id} ${++this.jobs}`
    this.tell("begin")
    this.tell("saving", id, job)
    return [taken, {...this.scene(), job, kind: this.kind}]
  }

  saved(id) { setTimeout(() => this.tell("saved", id), 300) }

  scene() { // everything that was done, for the server to do it again at full resolution
    const rows = light => Array.from({length: 9}, (_, i) => light.slice(3*i, 3*i + 3))
    const faces = [...this.faces.values()].filter(o => o.touched).map(o => ({
      face: o.number, light: rows(o.light), lights: o.look.lights.map(l => ({...l, source: l.source.exact ? "numbers" : l.source})),
      ambient: o.look.ambient, residual: o.look.residual, layers: o.layers.map(forServer)}))
    return {version: 1, face: this.face?.number ?? 1, faces}
  }
}

export const studio = globalThis.illures = new Studio()
