// The picture: drag on it to move the light or to paint, before and after, boxes about the faces, and the layers as tiles.
import * as sh from "./sh.js"
import {encode} from "./relight.js"
import {studio, inverse, moved, refill, seldom} from "./studio.js"
import {ballDirection, drawBall, paper} from "./ball.js"
import {tend} from "./page.js"

const TILES = [["photo", "Photo", "as it was found", "The face as it was found in the photo."],
               ["albedo", "Albedo", "its own colour", "Albedo: the skin's own colour, without any light."],
               ["normals", "Normals", "where the skin faces", "Normals: where the skin faces. Red is right, green is up, blue is to you."],
               ["shading", "Shading", "light on the shape", "Shading: the light as it falls on this shape, were it white."],
               ["residual", "Residual", "shine, cast shadows", "Residual: shine and cast shadows, all that shading cannot say. Grey is nothing."],
               ["reconstruction", "Rebuilt", "all put together", "Rebuilt: albedo × shading + residual."],
               ["light", "Light", "on a white ball", "Light: the same light on a white ball."]]
const MOST = 75 // degrees from the camera that a drag on the picture moves a light: beyond is darkness
const CALM = 120 // ms between pictures of the tiles while the light moves

const calm = matchMedia("(prefers-reduced-motion: reduce)")

export function mount(root, {trigger, props, watch}) {
  const $ = selector => root.querySelector(selector)
  const [frame, canvas, before, map, boxes, split, hint] = [".frame", ".picture", ".before", ".map", ".boxes", ".split input", ".hint"].map($)
  const tiles = new Map()
  let shown = null // name of the map that is enlarged

  tend()
  studio.attach(canvas)
  studio.on("missing", number => trigger("select", {face: number}))
  const trouble = e => { $(".what").textContent = $(".waiting").textContent = e.message }
  const receive = () => studio.receive(props.value).catch(trouble)
  watch("value", receive)

  // ---- what takes long: the old picture is dimmed

  const busy = document.createElement("div"), doing = document.createElement("p")
  const bar = document.createElement("progress"), cancel = document.createElement("button")
  Object.assign(busy, {className: "busy", hidden: true})
  Object.assign(doing, {role: "status"})
  Object.assign(bar, {ariaLabel: "How far it is"})
  Object.assign(cancel, {type: "button", textContent: "Cancel", onclick: () => studio.busy?.cancel?.()})
  busy.append(doing, bar, cancel)
  $(".stage").append(busy)
  studio.on("busy", () => {
    const work = studio.busy, whole = work?.share === 1
    busy.hidden = !work
    $(".stage").ariaBusy = Boolean(work)
    if (!work) return
    const says = `${work.what} …`
    if (doing.textContent !== says) doing.textContent = says
    if (work.share === null || whole) bar.removeAttribute("value")
    else bar.value = work.share
    cancel.hidden = !work.cancel
  })

  // ---- the photo that is open

  studio.on("photo", () => {
    const open = Boolean(studio.told)
    for (const o of [frame, $(".bar"), $(".strip")]) o.hidden = !open
    $(".waiting").hidden = open
    $(".waiting").textContent = "Bring a face: a photo of yours, or one of the examples."
    enlarge(null)
    setSplit(0)
    if (open) greet()
  })

  studio.on("view", () => {
    const {image, width, height} = studio.seen
    frame.style.aspectRatio = `${width}/${height}`
    frame.style.setProperty("--shape", width/height)
    before.src = image.src
    $(".whole").setAttribute("aria-pressed", Boolean(studio.wholePhoto))
    placeBoxes()
  })

  // ---- several faces

  function placeBoxes() {
    const {told, seen, count} = studio, whole = count > 1 && seen === studio.views.whole
    refill(boxes, ...(whole ? told.boxes : []).map(([x0, y0, x1, y1], i) => {
      const back = inverse(seen.back), [a, b] = moved(back, [x0, y0]), [c, d] = moved(back, [x1, y1]), box = document.createElement("button")
      Object.assign(box, {type: "button", textContent: i + 1, ariaLabel: `Face ${i + 1}`, ariaPressed: studio.chosen === i + 1 || studio.chosen === "all"})
      const share = [[a, seen.width], [b, seen.height], [c - a, seen.width], [d - b, seen.height]].map(([v, n]) => 100*v/n + "%")
      ;[box.style.left, box.style.top, box.style.width, box.style.height] = share
      box.onclick = () => studio.choose(i + 1).catch(trouble)
      return box
    }))
    if (count < 2) return $(".who").replaceChildren()
    const pick = document.createElement("select")
    pick.ariaLabel = "Which face"
    pick.append(...Array.from({length: count}, (_, i) => new Option(`Face ${i + 1}${i ? "" : " (biggest)"}`, i + 1)), new Option(`All ${count} faces`, "all"))
    pick.value = studio.chosen
    pick.onchange = () => studio.choose(pick.value === "all" ? "all" : Number(pick.value)).catch(trouble)
    refill($(".who"), pick)
  }
  studio.on("chosen", placeBoxes)

  // ---- the tiles

  for (const [name, title, brief, text] of TILES) {
    const tile = document.createElement("button"), picture = document.createElement("canvas"), caption = document.createElement("span")
    tile.type = "button"
    tile.className = `tile ${name}`
    tile.ariaPressed = false
    caption.innerHTML = `<b>${title}</b> <small>${brief}</small>`
    tile.title = text
    picture.setAttribute("role", "img")
    picture.ariaLabel = text
    tile.append(picture, caption)
    tile.onclick = () => enlarge(shown === name || name === "photo" ? null : name)
    $(".strip").append(tile)
    tiles.set(name, {tile, picture})
  }

  function enlarge(name) {
    shown = name
    map.hidden = !name
    $(".what").textContent = TILES.find(o => o[0] === name)?.[3] ?? ""
    for (const [key, {tile}] of tiles) tile.ariaPressed = key === name
    if (name) drawTiles()
  }

  const fills = { // pixel p of a map → sRGB bytes
    albedo: ({maps}, p, c) => encode(maps.albedo[3*p + c]),
    normals: ({maps}, p, c) => 127.5*(maps.normals[3*p + c] + 1),
    shading: ({maps}, p, c, top) => encode(maps.shading[3*p + c]/top),
    residual: ({maps, look}, p, c) => 255*(look.residual*maps.residual[3*p + c] + .5),
    reconstruction: ({maps}, p, c) => encode(maps.rendering[3*p + c])}

  const drawn = new Map() // name of a tile → what it was drawn from
  const from = ({maps, look, paint, painted}) => ({photo: studio.seen, albedo: painted ? paint.ratio.version : maps, normals: maps, residual: `${look.residual}`})

  function drawTiles() {
    const {face, seen} = studio, {maps, size} = face, top = Math.max(1, sh.peak(face.light)), now = from(face)
    if (!face.relit) maps.render(face.light, maps.albedo, face.look.residual)
    for (const [name, {picture}] of tiles) {
      if (now[name] && drawn.get(name)?.face === face && drawn.get(name).now === now[name]) continue
      drawn.set(name, {face, now: now[name]})
      if (name === "light") drawBall(picture, face.light)
      else if (name === "photo") drawPhoto(picture, face.place(seen).M, size, seen.image)
      else if (name === "albedo" && face.painted) paper(picture, 512).putImageData(cut(face.paint.shown, face), 0, 0)
      else {
        const context = paper(picture, size), image = context.createImageData(size, size), fill = fills[name]
        for (let p = 0, i = 0; p < size*size; p++, i += 4) {
          for (let c = 0; c < 3; c++) image.data[i + c] = fill(face, p, c, top)
          image.data[i + 3] = 255*maps.mask[p]
        }
        context.putImageData(image, 0, 0)
      }
    }
    if (shown) copy(tiles.get(shown).picture)
  }

  function drawPhoto(picture, M, size, image) { // the face of the photo in the crop's frame
    const side = 192, k = side/size, context = paper(picture, side)
    context.setTransform(k*M[0][0], k*M[1][0], k*M[0][1], k*M[1][1], k*(M[0][2] + .5), k*(M[1][2] + .5))
    context.drawImage(image, -.5, -.5)
  }

  function copy(picture) { // a tile, enlarged
    const context = paper(map, picture.width)
    context.clearRect(0, 0, map.width, map.height)
    context.drawImage(picture, 0, 0)
  }

  function cut({data, width}, {maps, size}) { // fine pixels with the mask of the crop
    const out = new ImageData(new Uint8ClampedArray(data), width), k = size/width
    for (let p = 0; p < width*width; p++) out.data[4*p + 3] = 255*maps.mask[((p/width*k) | 0)*size + ((p % width)*k | 0)]
    return out
  }

  studio.on("drawn", seldom(CALM, () => { if (studio.seen) drawTiles() }))

  // ---- the light follows the pointer

  function target(event, element = canvas) { // pointer → direction of the light: the face is taken for a ball
    const {face, seen} = studio, rect = element.getBoundingClientRect()
    const at = [(event.clientX - rect.left)/rect.width, (event.clientY - rect.top)/rect.height]
    if (shown) return ballDirection(2*at[0] - 1, 1 - 2*at[1], MOST)
    const {M} = face.place(seen), [x, y] = moved(inverse(M), [.5*face.size, .52*face.size]), radius = .55*face.size/Math.hypot(M[0][0], M[1][0])
    return ballDirection((at[0]*seen.width - x)/radius, (y - at[1]*seen.height)/radius, MOST)
  }

  const drag = event => { if (studio.tool === "light") studio.hold(...target(event, shown ? map : canvas)) }
  for (const surface of [canvas, map]) {
    surface.addEventListener("pointerdown", event => {
      if (event.button) return
      greeting = null
      hint.hidden = true
      surface.setPointerCapture(event.pointerId)
      if (studio.tool === "light") drag(event)
      else if (surface === canvas) studio.tell("brush", "down", crop(event), event)
    })
    surface.addEventListener("pointermove", event => {
      if (!surface.hasPointerCapture(event.pointerId)) { if (studio.tool !== "light") studio.tell("brush", "over", crop(event), event) }
      else if (studio.tool === "light") drag(event)
      else studio.tell("brush", "move", crop(event), event)
    })
    surface.addEventListener("lostpointercapture", event => {
      if (studio.tool === "light") studio.remember()
      else studio.tell("brush", "up", crop(event), event)
    })
    surface.addEventListener("pointerleave", () => studio.tell("brush", "out"))
  }

  function crop(event) { // pointer → place in the crop, in sides
    const {face, seen} = studio, rect = canvas.getBoundingClientRect()
    const at = [(event.clientX - rect.left)*seen.width/rect.width - .5, (event.clientY - rect.top)*seen.height/rect.height - .5]
    return moved(face.place(seen).M, at).map(v => (v + .5)/face.size)
  }

  studio.cursor = (event, share) => { // ring about the pointer, `share` of the crop's side wide; nothing hides it
    const ring = $(".cursor"), rect = canvas.getBoundingClientRect()
    ring.hidden = !event
    if (!event) return
    const {M} = studio.face.place(studio.seen), size = share*studio.face.size/Math.hypot(M[0][0], M[1][0])*rect.width/studio.seen.width
    Object.assign(ring.style, {left: event.clientX - rect.left + "px", top: event.clientY - rect.top + "px", width: size + "px", height: size + "px"})
  }

  canvas.addEventListener("keydown", event => {
    const step = {ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5]}[event.key]
    if (!step) return
    event.preventDefault()
    studio.calm()
    studio.step(...step)
  })

  // ---- before and after

  function setSplit(share) {
    split.value = share
    frame.style.setProperty("--split", `calc(13px + (100% - 26px)*${share/100})`)
    frame.classList.toggle("both", share > 0)
  }
  split.oninput = () => setSplit(Number(split.value))
  const hold = $(".compare")
  for (const type of ["pointerdown", "keydown"]) hold.addEventListener(type, e => { if (e.type === "pointerdown" || e.key === " " || e.key === "Enter") frame.classList.add("original") })
  for (const type of ["pointerup", "pointerleave", "keyup", "blur"]) hold.addEventListener(type, () => frame.classList.remove("original"))

  // ---- buttons

  studio.on("panel", () => { hint.hidden = true })
  $(".whole").onclick = () => { studio.wholePhoto = !studio.wholePhoto; studio.show().catch(trouble) }
  $(".undo").onclick = () => studio.undo()
  $(".redo").onclick = () => studio.redo()
  studio.on("history", () => { if (studio.canUndo) hint.hidden = true; $(".undo").disabled = !studio.canUndo; $(".redo").disabled = !studio.canRedo })
  document.addEventListener("keydown", event => {
    if (!(event.ctrlKey || event.metaKey) || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "range") return
    const key = event.key.toLowerCase(), does = key === "y" || key === "z" && event.shiftKey ? "redo" : key === "z" ? "undo" : null
    if (does) { event.preventDefault(); studio[does]() }
  })

  // ---- the light goes round once, so that one sees what this is

  let greeting = null
  function greet() {
    hint.hidden = false
    if (calm.matches) return
    const start = performance.now(), mine = greeting = {}, {face} = studio
    const step = now => {
      if (greeting !== mine || studio.face !== face || !studio.seen) return
      const t = (now - start)/2600
      if (t >= 1) { greeting = null; face.look = {...face.look, lights: [{...face.look.lights[0], azimuth: null, elevation: null}]} }
      else face.look = {...face.look, lights: [{...face.look.lights[0], azimuth: -75*Math.sin(2*Math.PI*t), elevation: 20*Math.sin(Math.PI*t)}]}
      studio.tell("light")
      studio.redraw(true)
      if (greeting) requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  }
  studio.calm = () => { greeting = null }

  receive()
}
