// A photo taken apart, for the studio: its faces with their maps, and pictures of it.
import {findFaces} from "./detect.js"
import {assembled, lookAt} from "./layers.js"
import {bytesOf} from "./networks.js"
import {FILES} from "./facts.js"
import {faceForPage} from "./payload.js"
import {faceAlone, lookAround, parted, withFace} from "./person.js"
import {around, readPhoto, viewOf} from "./photo.js"
import {boxAbout} from "./points.js"
import {Refusal} from "./refusal.js"
import {withTone} from "./tone.js"

const MOST = 12 // faces of a photo that can be worked on
const HELPS = "It helps if the face is larger, in focus and well lit."

let tone = null // numbers of its networks

async function toneNumbers() {
  tone ??= new Float32Array(await bytesOf(FILES.tone))
  return tone
}

// a face and its person; `alone`: nothing but the face
async function taken(networks, photo, landmarks, alone) {
  const seen = await lookAt(networks, photo, landmarks)
  const face = assembled(photo, seen)
  if (alone) return [face, faceAlone(face)]
  const person = withFace(await lookAround(networks, photo, seen), face)
  return withTone(face, person, await toneNumbers())
}

// faces and persons of a picture, the biggest first; `tell` hears what is done, and how far it is
export async function takeApart(networks, picture, {alone = false, tell = () => {}} = {}) {
  await tell("Looking for faces", null)
  const found = await findFaces(networks, picture, share => tell("Looking harder", share))
  const chosen = found.slice(0, MOST)
  const both = []
  for (const [k, {landmarks}] of chosen.entries()) {
    await tell("Taking the face apart", chosen.length > 1 ? k / chosen.length : null)
    both.push(await taken(networks, picture, landmarks, alone))
  }
  const faces = both.map(([face]) => face)
  const persons = parted(both.map(([, person]) => person), faces)
  return {faces, persons, count: found.length}
}

function said(count) {
  if (count > MOST) return `${count} faces were found: the ${MOST} biggest can be worked on.`
  const choose = "click one in the picture, or choose all below it."
  return count > 1 ? `${count} faces were found: ${choose}` : ""
}

// all that the page knows of a photo
export async function openPhoto(networks, file, options) {
  const {picture, canvas} = await readPhoto(file)
  const {faces, persons, count} = await takeApart(networks, picture, options)
  if (!faces.length) throw new Refusal(`No face was found in ${file.name}. ${HELPS}`)
  const photo = {width: picture.width, height: picture.height, canvas}
  const boxes = faces.map(({landmarks}) => boxAbout(landmarks))
  const views = {whole: await viewOf(photo)}
  for (const [k, box] of boxes.entries()) {
    views[`close-${k + 1}`] = await viewOf(photo, around(box, photo))
  }
  const isAlone = Boolean(options?.alone)
  const all = faces.map((face, k) => faceForPage(face, persons[k], isAlone))
  return {size: [photo.width, photo.height], boxes, views, faces: all, text: said(count)}
}

// the light on the biggest face of another portrait
export async function lightOf(networks, file, options) {
  const {picture} = await readPhoto(file)
  const {faces, persons} = await takeApart(networks, picture, options)
  if (!faces.length) throw new Refusal(`No face was found in ${file.name}. ${HELPS}`)
  return faceForPage(faces[0], persons[0], true).about.light
}
