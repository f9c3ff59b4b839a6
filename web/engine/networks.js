// The networks, run by ONNX Runtime: on the graphics card where the browser has WebGPU, else by
// WebAssembly, with threads where the page is isolated from others.
import {FILES} from "./facts.js"

const HERE = new URL("..", import.meta.url)
const ON_CARD = ["lite", "portrait"] // the others are too small to be worth the way there

// The bytes of a file of ours; what was packed is unpacked
export async function bytesOf(path) {
  const answer = await fetch(new URL(path, HERE))
  if (!answer.ok) throw new Error(`${path} is missing on the server (${answer.status}).`)
  const bytes = await answer.arrayBuffer()
  const [first, second] = new Uint8Array(bytes, 0, 2)
  if (first !== 0x1f || second !== 0x8b) return bytes
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))
  return new Response(unpacked).arrayBuffer()
}

// as many as there are cores, if threads may share memory
const threads = () =>
  globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency ?? 1) : 1

async function runtimeOf(engine) {
  const runtime = await import(new URL(FILES[engine].script, HERE))
  runtime.env.wasm.wasmBinary = await bytesOf(FILES[engine].binary)
  runtime.env.wasm.numThreads = threads()
  runtime.env.logLevel = "error"
  return runtime
}

export class Networks {
  sessions = {}

  constructor(runtime, engine) {
    this.runtime = runtime
    this.engine = engine // "webgpu" or "wasm"
  }

  // `tell` is called with the share that is there
  static async load(engine, tell = () => {}) {
    const networks = new Networks(await runtimeOf(engine), engine)
    const names = Object.keys(FILES.networks)
    for (const [k, name] of names.entries()) {
      await networks.add(name)
      await tell((k + 1) / names.length)
    }
    return networks
  }

  get threads() {
    return this.runtime.env.wasm.numThreads
  }

  async add(name) {
    const bytes = new Uint8Array(await bytesOf(FILES.networks[name]))
    const isOnCard = this.engine === "webgpu" && ON_CARD.includes(name)
    this.sessions[name] = await this.runtime.InferenceSession.create(bytes, {
      executionProviders: isOnCard ? ["webgpu", "wasm"] : ["wasm"],
      extra: {session: {disable_quant_qdq: "1"}}, // weights of eight bits become floats at once
      logSeverityLevel: 3, // errors
    })
    this[name] = (numbers, dims) => this.run(name, [[numbers, dims]])
  }

  // inputs in their order, each numbers and dimensions → outputs by their names
  async run(name, inputs) {
    const session = this.sessions[name]
    const feeds = {}
    inputs.forEach(([numbers, dims], k) => {
      feeds[session.inputNames[k]] = new this.runtime.Tensor("float32", numbers, dims)
    })
    return session.run(feeds)
  }
}
