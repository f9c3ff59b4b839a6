// The photo at its full size with its faces as they are now, worked on in bands of rows.
import {made} from "../studio/server.js"
import {drawnOn} from "../studio/plain.js"
import {studio} from "../studio/studio.js"
import {withExif} from "./metadata.js"

const BAND = 256 // rows
const QUALITY = 0.95 // of a JPEG, as the package writes them
const TYPES = {png: "image/png", jpg: "image/jpeg"}

// a photo's file on a canvas, upright; a JPEG has no alpha and stands on white
async function opened(file, kind) {
  const bitmap = await createImageBitmap(file, {premultiplyAlpha: "none"})
  const {width, height} = bitmap
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext("2d", {willReadFrequently: true})
  if (kind === "jpg") {
    context.fillStyle = "#fff"
    context.fillRect(0, 0, width, height)
  }
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return context
}

// faces on some rows of the photo; null where none of them is
function onBand(faces, top, width, height) {
  const back = [
    [1, 0, 0],
    [0, 1, top],
  ]
  const view = {width, height, back}
  const there = faces.map(face => face.on(view)).filter(({box}) => box[1] < box[3])
  return there.length ? there : null
}

// `tell` hears which share is done; false from it breaks off
export async function savedPicture(file, faces, kind, tell) {
  const context = await opened(file, kind)
  const {canvas} = context
  for (const face of faces) if (!face.lines || face.isCoarse) face.relight()
  for (let top = 0; top < canvas.height; top += BAND) {
    const height = Math.min(BAND, canvas.height - top)
    const there = onBand(faces, top, canvas.width, height)
    if (there) {
      const rows = context.getImageData(0, top, canvas.width, height)
      context.putImageData(drawnOn(rows, there), 0, top)
    }
    if (!tell((top + height) / canvas.height)) return null
    await new Promise(resolve => setTimeout(resolve))
  }
  const blob = await canvas.convertToBlob({type: TYPES[kind], quality: QUALITY})
  return kind === "jpg" ? withExif(blob, file) : blob
}

// ---- the button, and what the page shows meanwhile

export class Saving {
  left = new Set() // jobs that the visitor broke off

  constructor(button, photos) {
    this.button = button
    this.photos = photos
    button.onclick = () => this.save()
    studio.on("photo", () => {
      button.disabled = !studio.photo
    })
  }

  leave({job}) {
    this.left.add(job)
  }

  async save() {
    const [, {job, kind}] = studio.saving(null, this.button.id)
    const {photo} = studio
    const faces = [...studio.faces.values()].filter(face => face.touched)
    const tell = share => {
      this.work.set({job, share, doing: "the photo at its full size"})
      return !this.left.has(job)
    }
    try {
      const blob = await savedPicture(this.photos.file, faces, kind, tell)
      this.work.set({job, done: true, ...(blob && handed(blob, `${photo.name}-relit.${kind}`))})
    } catch (error) {
      this.work.set({job, done: true, error: `The picture could not be made: ${error.message}`})
    }
  }
}

function handed(blob, name) {
  const url = URL.createObjectURL(blob)
  made.set(name, url)
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
  return {file: name, name}
}
