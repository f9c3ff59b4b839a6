// Photos on their way into the studio: taken apart by the engine, their maps handed over.
import {made} from "../studio/server.js"
import {studio} from "../studio/studio.js"

const JPEG = /\.jpe?g$/i

// without folders and suffix, fit for a file name
function plainName(name) {
  const bare = name.replace(/\.\w{1,5}$/, "").replaceAll(/[^\p{L}\p{N} _.()+,=@-]/gu, "_")
  return bare.slice(0, 60).trim() || "face"
}

export class Photos {
  count = 0
  file = null // of the photo that is open
  kept = [] // what was handed over for it

  constructor(engine, said) {
    this.engine = engine
    this.said = said // the panel beside the box for photos
  }

  // an older photo that is still on its way is not wanted any more
  async open(file) {
    studio.begin(`Opening ${file.name}`, () => this.leave())
    const visit = `photo ${++this.count}`
    const isLast = () => visit === `photo ${this.count}`
    try {
      const found = await this.engine.ask("open", {file}, now => isLast() && show(now))
      if (!isLast()) return
      const photo = this.handOver(visit, file, found)
      await studio.receive(photo)
      this.file = file
      this.said.say(found.text)
    } catch (error) {
      if (isLast()) this.said.say(error.message, true)
    } finally {
      if (isLast()) studio.end()
    }
  }

  leave() {
    this.count++
    this.engine.ask("leave", {})
    studio.end()
  }

  // what the studio takes for the server's record of a photo
  handOver(visit, file, {size, boxes, views, faces}) {
    for (const path of this.kept) forget(path)
    this.kept = []
    const keep = (name, thing) => {
      made.set(`${visit}/${name}`, thing)
      this.kept.push(`${visit}/${name}`)
      return name
    }
    const seen = Object.entries(views).map(([name, {blob, back}]) => {
      return [name, {file: keep(name, URL.createObjectURL(blob)), back}]
    })
    const numbered = faces.map(({about, maps}, k) => {
      return [k + 1, {...about, maps: {file: keep(`maps ${k + 1}`, maps), index: null}}]
    })
    return {
      visit,
      folder: visit,
      name: plainName(file.name),
      kind: JPEG.test(file.name) || file.type === "image/jpeg" ? "jpg" : "png",
      size,
      boxes,
      views: Object.fromEntries(seen),
      faces: Object.fromEntries(numbered),
    }
  }
}

function show({what, share}) {
  studio.busy.what = what
  studio.progress(share)
}

function forget(path) {
  const thing = made.get(path)
  if (typeof thing === "string") URL.revokeObjectURL(thing)
  made.delete(path)
}
