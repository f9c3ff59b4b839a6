// The head of a face: its shape under an expression, and the normals of it. Centimetres, origin
// between the pupils, x right, y up, z to the viewer.

export class HeadMesh {
  constructor({base, uvs, faces, twins, ...targets}) {
    this.base = base // without what the sliders add
    this.uvs = uvs
    this.faces = Uint32Array.from(faces, Math.round)
    this.twins = Uint32Array.from(twins, Math.round) // the vertex at the same point, at the seam
    this.targets = targets // name of a slider → what it moves at full strength
    this.positions = new Float32Array(base.length)
    this.normals = new Float32Array(base.length)
  }

  // weights: name of a slider → 0 … 1
  move(weights) {
    const {positions, targets} = this
    positions.set(this.base)
    for (const [name, weight] of Object.entries(weights)) {
      const target = targets[name]
      if (weight) for (let i = 0; i < target.length; i++) positions[i] += weight * target[i]
    }
    this.smooth()
  }

  // the triangles' normals around a vertex, weighted by area, without a seam
  smooth() {
    const {positions: p, normals: n, faces, twins} = this
    n.fill(0)
    for (let f = 0; f < faces.length; f += 3) {
      const corners = [twins[faces[f]], twins[faces[f + 1]], twins[faces[f + 2]]]
      const [a, b, c] = corners.map(v => 3 * v)
      const [ux, uy, uz] = [p[b] - p[a], p[b + 1] - p[a + 1], p[b + 2] - p[a + 2]]
      const [vx, vy, vz] = [p[c] - p[a], p[c + 1] - p[a + 1], p[c + 2] - p[a + 2]]
      for (const at of [a, b, c]) {
        n[at] += uy * vz - uz * vy
        n[at + 1] += uz * vx - ux * vz
        n[at + 2] += ux * vy - uy * vx
      }
    }
    for (let v = 0; v < twins.length; v++) {
      for (let k = 0; k < 3; k++) n[3 * v + k] = n[3 * twins[v] + k]
    }
  }
}
