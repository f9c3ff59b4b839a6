// The page: the studio's panels put to work without a server.
import * as elsewhere from "../studio/elsewhere.js"
import * as kind from "../studio/kind.js"
import * as light from "../studio/light.js"
import * as people from "../studio/people.js"
import * as said from "../studio/said.js"
import * as stage from "../studio/stage.js"
import * as work from "../studio/work.js"
import {made} from "../studio/server.js"
import {studio} from "../studio/studio.js"
import {EXAMPLES, ORDER, PRESETS} from "../engine/facts.js"
import {Engine, chosenEngine} from "./engine.js"
import {keepAll} from "./keep.js"
import {LightFiles} from "./lights.js"
import {Panel} from "./panels.js"
import {Photos} from "./photos.js"
import {Saving} from "./saving.js"

const $ = selector => document.querySelector(selector)

// ---- examples

const folder = new URL("../examples/", import.meta.url)
for (const {file} of EXAMPLES) made.set(file, new URL(file, folder).href)

async function example(name) {
  const {file} = EXAMPLES.find(one => one.name === name)
  const answer = await fetch(made.get(file))
  return new File([await answer.blob()], file, {type: "image/jpeg"})
}

// ---- panels

function mountAll(engine) {
  const suffixes = [".avif", ".heic", ".heif", ".webp"]
  const messages = new Panel("#said", {suffixes, limit: Infinity, take: file => photos.open(file)})
  const photos = new Photos(engine, messages)
  messages.mount(said)
  $("#photo .prompt").onclick = () => $("#photo input").click()
  const open = async ({name}) => photos.open(await example(name))
  new Panel("#people", {people: EXAMPLES}, open).mount(people)
  new Panel("#stage").mount(stage)
  new Panel("#kind").mount(kind)
  const saving = new Saving($("#save-picture"), photos)
  saving.work = new Panel("#work", {}, left => saving.leave(left)).mount(work)
  new Panel("#light", {presets: PRESETS, order: ORDER}).mount(light)
  const fileSaid = new Panel("#file-said").mount(said)
  const ofFile = new Panel("#elsewhere").mount(elsewhere)
  new LightFiles(engine, $("#file"), fileSaid, ofFile)
  return photos
}

// ---- all of it

const WAYS = {webgpu: "the graphics card", wasm: "WebAssembly"}

async function start() {
  const waiting = $(".waiting")
  const loading = share => {
    waiting.textContent = `Loading the page, ${Math.round(100 * share)} % …`
  }
  const kept = await keepAll(await chosenEngine(), loading)
  const engine = new Engine()
  const starting = ({share}) => {
    waiting.textContent = `Starting the networks, ${Math.round(100 * share)} % …`
  }
  const load = way => engine.ask("load", {engine: way}, starting)
  const {engine: way, threads} = await load(await chosenEngine()).catch(() => load("wasm"))
  const many = way === "wasm" ? `, ${threads} thread${threads > 1 ? "s" : ""}` : ""
  $("#engine").textContent = `Runs on ${WAYS[way]}${many}${kept ? "; kept for offline use" : ""}.`
  waiting.textContent = "Opening the first portrait …"
  const photos = mountAll(engine)
  await photos.open(await example(EXAMPLES[0].name))
}

start().catch(error => {
  $(".waiting").textContent = error.message
})
