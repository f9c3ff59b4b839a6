// Keeps all files of the page, and hands them out with or without a network. Its answers isolate
// the page from others, so that WebAssembly may use threads.
importScripts("files.js") // written by build.py: FILES

const {version, files} = self.FILES
const engine = new URL(location.href).searchParams.get("engine")
const NAME = `illures ${version} ${engine}`
const mine = files.filter(file => !file.engine || file.engine === engine)

const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "cross-origin",
}

// ---- keeping

async function tell(share) {
  for (const page of await self.clients.matchAll({includeUncontrolled: true})) {
    page.postMessage({share})
  }
}

async function fill() {
  const cache = await caches.open(NAME)
  const total = mine.reduce((sum, {bytes}) => sum + bytes, 0)
  let done = 0
  for (const {path, bytes} of mine) {
    if (!(await cache.match(path))) await cache.put(path, await fetched(path))
    done += bytes
    tell(done / total)
  }
}

// anew from the server, unless it says that nothing has changed
async function fetched(path) {
  const answer = await fetch(path, {cache: "no-cache"})
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer
}

async function forgetOthers() {
  const names = await caches.keys()
  const old = names.filter(name => name.startsWith("illures ") && name !== NAME)
  await Promise.all(old.map(name => caches.delete(name)))
  await self.clients.claim()
}

self.addEventListener("install", event => event.waitUntil(fill()))
self.addEventListener("activate", event => event.waitUntil(forgetOthers()))

// ---- handing out

function isolated({body, status, statusText, headers}) {
  const all = {...Object.fromEntries(headers), ...ISOLATED}
  return new Response(body, {status, statusText, headers: all})
}

async function answer(request) {
  const cache = await caches.open(NAME)
  const page = request.mode === "navigate" ? await cache.match("./") : null
  const kept = page ?? (await cache.match(request, {ignoreSearch: true}))
  return isolated(kept ?? (await fetch(request)))
}

self.addEventListener("fetch", event => {
  const {method, url} = event.request
  if (method === "GET" && url.startsWith(self.registration.scope)) {
    event.respondWith(answer(event.request))
  }
})
