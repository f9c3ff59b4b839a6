// The engine, on a thread of its own: calls come in, answers, refusals and progress go out.
import {Networks} from "./networks.js"
import {lightOf, openPhoto} from "./open.js"
import {Refusal} from "./refusal.js"

let networks = null
let last = Promise.resolve() // calls are done one after the other
let newest = 0 // call that opens a photo, or leaves one: older ones break off

const CALLS = {
  async load({engine}, tell) {
    networks = await Networks.load(engine, share => tell("Loading the networks", share))
    return {engine, threads: networks.threads}
  },
  open: ({file}, tell) => openPhoto(networks, file, tell),
  light: ({file}, tell) => lightOf(networks, file, tell),
  leave: () => null,
}

const NEWEST = ["open", "leave"]

// says how far a call is, and lets newer ones come in
async function report(id, call, progress) {
  postMessage({id, progress})
  await new Promise(resolve => setTimeout(resolve))
  if (call === "open" && id !== newest) throw new Refusal("Another photo came.")
}

async function answer({id, call, args}) {
  const tell = (what, share) => report(id, call, {what, share})
  try {
    postMessage({id, answer: await CALLS[call](args, tell)})
  } catch (error) {
    const expected = error instanceof Refusal
    postMessage({id, error: error.message, expected})
    if (!expected) console.error(error)
  }
}

addEventListener("message", ({data}) => {
  if (NEWEST.includes(data.call)) newest = data.id
  last = last.then(() => answer(data))
})
