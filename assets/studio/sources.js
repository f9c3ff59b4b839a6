// Where light comes from: named lights, ready ones and that of a file.

export const OWN = "own" // the light of the photo itself
export const FILE = "file" // the light of another portrait, an environment map or light settings
export const PLACE = "place" // the light of the picture that is put behind the person

class Sources {
  lights = new Map() // name → `SHLight`
  free = new Set() // names of those that were not fitted to a face: they can be turned as they are

  add(name, light, fitted = false) {
    this.lights.set(name, light)
    if (fitted) this.free.delete(name)
    else this.free.add(name)
  }

  get(name) {
    return this.lights.get(name)
  }
}

export const sources = new Sources()
