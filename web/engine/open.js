// A photo taken apart, for the studio: its faces with their maps, and pictures of it.
import {findFaces} from "./detect.js"
import {assembled, lookAt} from "./layers.js"
import {bytesOf} from "./networks.js"
import {FILES} from "./facts.js"
import {faceForPage} from "./payload.js"
import {lookAround, parted, withFace} from "./person.js"
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

// a face and its person
async function taken(networks, photo, landmarks) {
  const seen = await lookAt(networks, photo, landmarks)
  const face = assembled(photo, seen)
  const person = withFace(await lookAround(networks, photo, seen), face)
  return withTone(face, person, await toneNumbers())
}

// the biggest faces of a picture, and how many there are; `tell` hears what is done, and how far
async function search(networks, picture, {name}, tell) {
  await tell("Looking for faces", null)
  const found = await findFaces(networks, picture, share => tell("Looking harder", share))
  if (!found.length) throw new Refusal(`No face was found in ${name}. ${HELPS}`)
  return {landmarks: found.slice(0, MOST).map(face => face.landmarks), count: found.length}
}

// faces and persons of a picture
async function takeApart(networks, picture, landmarks, tell) {
  const both = []
  for (const [k, points] of landmarks.entries()) {
    await tell("Taking the face apart", landmarks.length > 1 ? k / landmarks.length : null)
    both.push(await taken(networks, picture, points))
  }
  const faces = both.map(([face]) => face)
  const persons = parted(both.map(([, person]) => person), faces)
  return {faces, persons}
}

function said(count) {
  if (count > MOST) return `${count} faces were found: the ${MOST} biggest can be worked on.`
  const choose = "click one in the picture, or choose all below it."
  return count > 1 ? `${count} faces were found: ${choose}` : ""
}

// all that the page knows of a photo; pictures of it are packed while the networks run
export async function openPhoto(networks, file, tell) {
  const {picture, canvas} = await readPhoto(file)
  const photo = {width: picture.width, height: picture.height, canvas}
  const views = {whole: viewOf(photo)}
  const {landmarks, count} = await search(networks, picture, file, tell)
  const boxes = landmarks.map(boxAbout)
  boxes.forEach((box, k) => {
    views[`close-${k + 1}`] = viewOf(photo, around(box, photo))
  })
  const {faces, persons} = await takeApart(networks, picture, landmarks, tell)
  const names = Object.keys(views)
  const made = await Promise.all(Object.values(views))
  return {
    size: [photo.width, photo.height],
    boxes,
    views: Object.fromEntries(made.map((view, k) => [names[k], view])),
    faces: faces.map((face, k) => faceForPage(face, persons[k])),
    text: said(count),
  }
}

// the light on the biggest face of another portrait
export async function lightOf(networks, file, tell) {
  const {picture} = await readPhoto(file)
  const {landmarks} = await search(networks, picture, file, tell)
  const {faces, persons} = await takeApart(networks, picture, landmarks.slice(0, 1), tell)
  return faceForPage(faces[0], persons[0]).about.light
}
