/* Small interactive figures: one neuron, chosen features, placed kinks, the tape.

   No library, no request. Everything above "the page" is a pure function of a state: while the book
   is built, tools/site/widgets.py runs it to draw the still picture that readers without JavaScript and
   printers get, and tests/tools/test_widgets.py compares its numbers with the Python package.
   Nothing moves unless a reader moves it. */

globalThis.MLPBookWidgets = (() => {
  "use strict";

  /* ------------------------------------------------------------------ numbers */

  const sum = (values) => values.reduce((total, v) => total + v, 0);
  const dot = (a, b) => sum(a.map((v, i) => v * b[i]));
  const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
  const format = (v, digits = 2) => {
    const text = v.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  };

  /** Park and Miller's generator (doi:10.1145/63039.63042): the same points in every browser. */
  function generator(seed) {
    let state = seed;
    const uniform = () => (state = (state * 16807) % 2147483647) / 2147483647;
    const normal = () => sum(range(12, uniform)) - 6; // nearly normal, and exact everywhere
    return { uniform, normal };
  }

  /* ------------------------------------------------------------------ one neuron */

  /** Signed distance of each point from the line w·x + b = 0. */
  const signedDistance = (points, w, b) => {
    const norm = Math.hypot(...w);
    return points.map((x) => (dot(w, x) + b) / norm);
  };

  /** Which points a score gets wrong: class 1 is where it is positive. */
  const wrong = (scores, y) => scores.map((s, i) => (s > 0 ? 1 : 0) !== y[i]);

  const sigmoid = (t) => {
    const e = Math.exp(-Math.abs(t));
    return (t >= 0 ? 1 : e) / (1 + e);
  };

  /* ------------------------------------------------------------------ features and readout */

  const FEATURES = {
    "x₁": (x) => x[0],
    "x₂": (x) => x[1],
    "x₁²": (x) => x[0] * x[0],
    "x₂²": (x) => x[1] * x[1],
    "x₁x₂": (x) => x[0] * x[1],
    "sin 3x₁": (x) => Math.sin(3 * x[0]),
    "sin 3x₂": (x) => Math.sin(3 * x[1]),
  };
  const features = (points, names) => points.map((x) => names.map((name) => FEATURES[name](x)));

  /** Solve A x = c by elimination, the largest pivot first. */
  function solve(A, c) {
    const M = A.map((row, i) => [...row, c[i]]);
    const n = M.length;
    for (let k = 0; k < n; k++) {
      let pivot = k;
      for (let i = k + 1; i < n; i++) if (Math.abs(M[i][k]) > Math.abs(M[pivot][k])) pivot = i;
      [M[k], M[pivot]] = [M[pivot], M[k]];
      for (let i = k + 1; i < n; i++) {
        const factor = M[i][k] / M[k][k];
        for (let j = k; j <= n; j++) M[i][j] -= factor * M[k][j];
      }
    }
    const x = new Array(n).fill(0);
    for (let i = n - 1; i >= 0; i--) x[i] = (M[i][n] - dot(M[i].slice(0, n), x)) / M[i][i];
    return x;
  }

  /** Ridge regression with a free intercept, as mlpbook.chapters.features.ridge_readout. */
  function readout(Psi, t, penalty) {
    const n = Psi.length;
    const mean = Psi[0].map((_, j) => sum(Psi.map((row) => row[j])) / n);
    const tMean = sum(t) / n;
    const centred = Psi.map((row) => row.map((v, j) => v - mean[j]));
    const gram = mean.map((_, j) =>
      mean.map((__, k) => sum(centred.map((r) => r[j] * r[k])) / n + (j === k ? penalty : 0)));
    const right = mean.map((_, j) => sum(centred.map((r, i) => r[j] * (t[i] - tMean))) / n);
    const w = solve(gram, right);
    return { w, b: tMean - dot(w, mean) };
  }

  /** Where a field crosses zero, cell by cell: segments [x, y, x', y'] in grid coordinates. */
  function zeroLine(field) {
    const segments = [];
    for (let i = 0; i + 1 < field.length; i++) {
      for (let j = 0; j + 1 < field[0].length; j++) {
        const corners = [[j, i], [j + 1, i], [j + 1, i + 1], [j, i + 1]];
        const hits = [];
        corners.forEach(([x, y], k) => {
          const [x2, y2] = corners[(k + 1) % 4];
          const [f, g] = [field[y][x], field[y2][x2]];
          if (f > 0 !== g > 0) hits.push([x + (x2 - x) * (f / (f - g)), y + (y2 - y) * (f / (f - g))]);
        });
        for (let k = 0; k + 1 < hits.length; k += 2) segments.push([...hits[k], ...hits[k + 1]]);
      }
    }
    return segments;
  }

  const PRESETS = {
    XOR: "In XOR the sign of x₁x₂ is the class, and no other feature here says as much.",
    circles: "The rings differ in their squared length, so x₁² and x₂² are enough.",
    spirals: "The arms alternate more often than these few features can follow.",
    blobs: "Two clouds that lie apart need no bending: x₁ and x₂ are enough.",
  };
  function preset(name, n = 80) {
    const { uniform, normal } = generator({ XOR: 3, circles: 5, spirals: 7, blobs: 11 }[name]);
    const points = range(n, (i) => {
      const label = i % 2;
      const turn = 2 * Math.PI * uniform();
      if (name === "XOR") {
        const side = Math.floor(i / 2) % 2 ? 1 : -1;
        return [side + 0.22 * normal(), side * (label ? -1 : 1) + 0.22 * normal()];
      }
      if (name === "circles") {
        const radius = (label ? 0.7 : 1.4) + 0.09 * normal();
        return [radius * Math.cos(turn), radius * Math.sin(turn)];
      }
      if (name === "spirals") {
        const t = 0.25 + 0.75 * uniform();
        const angle = 3 * Math.PI * t + Math.PI * label;
        return [1.6 * t * Math.cos(angle) + 0.03 * normal(), 1.6 * t * Math.sin(angle) + 0.03 * normal()];
      }
      const side = label ? 0.8 : -0.8;
      return [side + 0.3 * normal(), 0.6 * side + 0.3 * normal()];
    });
    return { points, y: points.map((_, i) => i % 2) };
  }

  /** The readout on a preset's features: scores at any points, and how many samples are wrong. */
  function classify(name, names) {
    const { points, y } = preset(name);
    const { w, b } = names.length
      ? readout(features(points, names), y.map((label) => 2 * label - 1), 1e-6) : { w: [], b: 0 };
    const score = (P) => features(P, names).map((row) => dot(row, w) + b);
    const missed = wrong(score(points), y);
    return { points, y, w, b, score, missed, nWrong: missed.filter(Boolean).length };
  }

  /* ------------------------------------------------------------------ kinks */

  const target = (x) => Math.sin(6 * x);

  /** Knots in order, each once, with the ends. */
  const ordered = (inner) => [...new Set([-1, ...inner, 1])].sort((a, b) => a - b);

  /** y₀ + Σ (mᵢ − mᵢ₋₁) relu(x − xᵢ), eq-representation-interpolant. */
  function interpolant(knots, values) {
    const slopes = range(knots.length - 1, (i) => (values[i + 1] - values[i]) / (knots[i + 1] - knots[i]));
    const changes = slopes.map((m, i) => m - (i ? slopes[i - 1] : 0));
    return (x) => values[0] + sum(changes.map((c, i) => c * Math.max(0, x - knots[i])));
  }

  /** Where the chord of sin 6x from a to b errs most: there 6 cos 6x is the slope of the chord. */
  function worst(a, b) {
    const slope = (target(b) - target(a)) / (b - a), angle = Math.acos(slope / 6);
    let best = { error: 0, x: a };
    for (const sign of [1, -1]) {
      for (let k = -2; k <= 2; k++) {
        const x = (sign * angle + 2 * Math.PI * k) / 6;
        const error = x > a && x < b ? Math.abs(target(x) - target(a) - slope * (x - a)) : 0;
        if (error > best.error) best = { error, x };
      }
    }
    return best;
  }
  const supError = (knots) => knots.slice(1).map((b, i) => worst(knots[i], b)).reduce((p, q) => (q.error > p.error ? q : p));

  /** The page's two bounds, with the longest gap h between knots. */
  function bounds(knots) {
    const h = Math.max(...knots.slice(1).map((x, i) => x - knots[i]));
    return { h, curvature: (36 * h * h) / 8, modulus: 2 * Math.sin(Math.min(3 * h, Math.PI / 2)) };
  }

  const EQUAL = range(7, (i) => (i + 1) / 4 - 1);
  /** Seven inner knots, in hundredths, none of whose pieces errs more than it must: each piece
      reaches as far as an error allows, and the smallest error that reaches 1 is kept. */
  function equalErrors() {
    const reach = (allowed) => {
      const knots = [-100];
      while (knots.length < 9) {
        const a = knots[knots.length - 1];
        let b = Math.min(a + 1, 100);
        while (b < 100 && worst(a / 100, (b + 1) / 100).error <= allowed) b++;
        knots.push(b);
      }
      return knots;
    };
    let allowed = 0.05;
    while (reach(allowed)[8] < 100) allowed += 0.001;
    return reach(allowed).slice(1, 8).map((k) => k / 100);
  }

  /* ------------------------------------------------------------------ the tape */

  const PROGRAM = [["w"], ["u", "·", "w", "w"], ["s", "·", "u", "u"], ["y", "+", "u", "s"]];

  /** Run a program forward, then backward; one step a number, then one step an edge. */
  function tape(program, inputs) {
    const values = {}, adjoints = {}, edges = {}, waiting = {}, steps = [];
    const note = (text, node, edge = null) =>
      steps.push({ text, node, edge, values: { ...values }, adjoints: { ...adjoints } });
    for (const [name, operation, left, right] of program) {
      const [a, b] = [values[left], values[right]];
      values[name] = operation ? (operation === "+" ? a + b : a * b) : inputs[name];
      edges[name] = operation ? [[left, operation === "+" ? 1 : b], [right, operation === "+" ? 1 : a]] : [];
      for (const [x] of edges[name]) waiting[x] = (waiting[x] || 0) + 1;
      note(`${name} = ${operation ? `${left} ${operation} ${right} = ` : ""}${values[name]}`, name);
    }
    const output = program[program.length - 1][0];
    adjoints[output] = 1;
    note(`adjoint of ${output}: 1, to start with`, output);
    for (const [name] of [...program].reverse()) {
      edges[name].forEach(([x, d], k) => {
        const before = adjoints[x] || 0;
        adjoints[x] = before + adjoints[name] * d;
        waiting[x] -= 1;
        const end = waiting[x] ? ", not yet complete" : ", complete";
        note(`adjoint of ${x}: ${before} + ${adjoints[name]} · ${d} = ${adjoints[x]}, from ${name}${end}`, x, [name, k]);
      });
    }
    return steps;
  }

  /* ------------------------------------------------------------------ drawing, as text */

  const tag = (name, attributes, inner = "") =>
    `<${name} ${Object.entries(attributes).map(([k, v]) => `${k}="${typeof v === "number" ? +v.toFixed(1) : v}"`).join(" ")}>${inner}</${name}>`;
  const line = (style, x1, y1, x2, y2) => tag("line", { class: style, x1, y1, x2, y2 });
  const text = (x, y, words, style = "", anchor = "middle") =>
    tag("text", { x, y, class: style, "text-anchor": anchor }, words);
  const path = (style, points, end = "") =>
    tag("path", { class: style, d: "M" + points.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L") + end });
  const drawing = (width, height, label, ...parts) =>
    `<svg class="widget-svg" role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${parts.flat().join("")}</svg>`;
  const arrow = (style, [x, y], [dx, dy], size = 7) => {
    const n = Math.hypot(dx, dy) || 1, [u, v] = [(size * dx) / n, (size * dy) / n];
    return path(style, [[x + u, y + v], [x - u - 0.8 * v, y - v + 0.8 * u], [x - u + 0.8 * v, y - v - 0.8 * u]], "z");
  };

  const SIDE = 400;
  /** A square piece of the plane, from −R to R: coordinates, axes, classes. */
  function plane(R) {
    const at = ([x, y]) => [((x + R) * SIDE) / (2 * R), ((R - y) * SIDE) / (2 * R)];
    const ticks = range(2 * Math.ceil(R) - 1, (i) => i + 1 - Math.ceil(R)).filter((v) => v);
    const axes = [line("w-axis", 0, SIDE / 2, SIDE, SIDE / 2), line("w-axis", SIDE / 2, 0, SIDE / 2, SIDE),
      ...ticks.map((v) => text(at([v, 0])[0], SIDE - 6, format(v, 0), "w-small")),
      ...ticks.map((v) => text(5, at([0, v])[1] + 4, format(v, 0), "w-small", "start")),
      text(SIDE - 8, SIDE / 2 - 6, "x₁", "w-label", "end"), text(SIDE / 2 + 7, 16, "x₂", "w-label", "start")];
    const classes = (points, y, missed) => points.map((p, i) => {
      const [cx, cy] = at(p);
      const ring = missed[i] ? tag("circle", { class: "w-ring", cx, cy, r: 8.5 }) : "";
      return ring + (y[i] ? tag("rect", { class: "w-one", x: cx - 4, y: cy - 4, width: 8, height: 8 })
        : tag("circle", { class: "w-zero", cx, cy, r: 4.4 }));
    });
    return { at, axes, classes };
  }

  const neuronOf = ({ angle, length, b, x1, x2 }) => {
    const turn = (angle * Math.PI) / 180;
    return { w: [length * Math.cos(turn), length * Math.sin(turn)], b, x: [x1, x2] };
  };
  const CLOUD = (() => {
    const { normal } = generator(17);
    const points = range(40, (i) => [1, 0.8].map((c) => (i % 2 ? c : -c) + 0.75 * normal()));
    return { points, y: points.map((_, i) => i % 2) };
  })();

  /** What the first widget says: everything follows from w, b and x. */
  function neuron(state) {
    const { w, b, x } = neuronOf(state);
    const norm = Math.hypot(...w), unit = w.map((v) => v / norm);
    const [r] = signedDistance([x], w, b);
    const missed = wrong(signedDistance(CLOUD.points, w, b), CLOUD.y);
    return { w, b, x, norm, unit, r, p: sigmoid(norm * r), coordinate: -b / norm, missed,
      nWrong: missed.filter(Boolean).length, foot: x.map((v, i) => v - r * unit[i]) };
  }

  function drawNeuron(state) {
    const { w, b, x, norm, unit, r, coordinate, missed, foot } = neuron(state);
    const { at, axes, classes } = plane(3);
    const along = [unit[1], -unit[0]];
    const point = (c, t) => at(unit.map((v, i) => c * v + t * along[i]));
    const cut = (style, c) => path(style, [point(c, -9), point(c, 9)]);
    const start = point(coordinate, 0), tip = point(coordinate + norm, 0);
    const [px, py] = at(x);
    return drawing(SIDE, SIDE, "Forty points of two classes, a straight boundary, and one more point with its distance from it",
      path("w-side", [point(coordinate, -9), point(coordinate, 9), point(coordinate + 18, 9), point(coordinate + 18, -9)], "z"),
      axes, cut("w-faint", coordinate - Math.log(9) / norm), cut("w-faint", coordinate + Math.log(9) / norm),
      classes(CLOUD.points, CLOUD.y, missed), cut("w-ink", coordinate),
      line("w-parameter", ...start, ...tip), arrow("w-parameter-fill", tip, [unit[0], -unit[1]]),
      text(tip[0] + 14 * unit[0] + 8 * unit[1], tip[1] - 14 * unit[1] + 8 * unit[0] + 4, "w", "w-parameter-text"),
      path("w-distance", [at(x), at(foot)]), tag("circle", { class: "w-foot", cx: at(foot)[0], cy: at(foot)[1], r: 3 }),
      path("w-point", [[px, py - 8], [px + 8, py], [px, py + 8], [px - 8, py]], "z"),
      text(px + (px > 350 ? -12 : 12), py + 5, "x", "w-label", px > 350 ? "end" : "start"));
  }

  function tellNeuron(state) {
    const { norm, r, p, coordinate, nWrong } = neuron(state);
    return `The boundary cuts the axis along w at coordinate −b/‖w‖ = ${format(coordinate)}, at distance ${format(Math.abs(coordinate))} from the origin. ` +
      `${nWrong} of ${CLOUD.y.length} points are on the wrong side. ` +
      `The point x = (${format(state.x1, 1)}, ${format(state.x2, 1)}) has signed distance r = ${format(r)}, score ‖w‖r = ${format(norm * r)} and probability ${format(p)}.`;
  }

  const chosen = (state) => Object.keys(FEATURES).filter((name) => state[name]);

  function drawFeatures(state) {
    const R = 1.9, n = 64, names = chosen(state);
    const { points, y, score, missed } = classify(state.preset, names);
    const { at, axes, classes } = plane(R);
    const field = range(n + 1, (i) => score(range(n + 1, (j) => [-R + (2 * R * j) / n, R - (2 * R * i) / n])));
    const cell = SIDE / n;
    let side = "";
    field.forEach((row, i) => {
      for (let j = 0; j <= n; j++) {
        let end = j;
        while (end <= n && row[end] > 0) end++;
        if (end > j) side += `M${((j - 0.5) * cell).toFixed(1)} ${((i - 0.5) * cell).toFixed(1)}h${((end - j) * cell).toFixed(1)}v${cell.toFixed(1)}h${(-(end - j) * cell).toFixed(1)}z`;
        j = end;
      }
    });
    const zero = zeroLine(field).map((s) => "M" + s.map((v) => (v * cell).toFixed(1)).join(" ")).join("");
    return drawing(SIDE, SIDE, `Eighty points of the preset ${state.preset}, and the preimage of the flat cut`,
      tag("path", { class: "w-side", d: side }), axes, tag("path", { class: "w-ink", d: zero }), classes(points, y, missed));
  }

  function tellFeatures(state) {
    const names = chosen(state);
    const { y, nWrong } = classify(state.preset, names);
    const found = names.length ? `With ${names.join(", ")} the readout gets ${nWrong ? `${nWrong} of ${y.length}` : "none of the " + y.length} samples wrong.`
      : "Without any feature the score is a constant, and there is no boundary.";
    return `${found} ${PRESETS[state.preset]}`;
  }

  const innerKnots = (state) => range(7, (i) => state[`knot${i + 1}`]);

  function drawKinks(state) {
    const [width, height] = [440, 280];
    const at = (x, y) => [26 + ((x + 1) * (width - 44)) / 2, 118 - 100 * y];
    const knots = ordered(innerKnots(state));
    const f = interpolant(knots, knots.map(target));
    const { x } = supError(knots);
    return drawing(width, height, "The function sin 6x, and the broken line through its values at nine knots",
      line("w-axis", ...at(-1, 0), ...at(1, 0)), text(...at(1, 0.06), "x", "w-label", "end"),
      ...[-1, 1].map((v) => text(2, at(0, v)[1] + 5, format(v, 0), "w-small", "start") + line("w-axis", 20, at(0, v)[1], 26, at(0, v)[1])),
      ...[-1, -0.5, 0, 0.5, 1].map((v) => text(...at(v, -1.6), format(v, 1), "w-small")),
      path("w-target", range(201, (i) => at(i / 100 - 1, target(i / 100 - 1)))),
      path("w-ink", knots.map((v) => at(v, target(v)))),
      path("w-error", [at(x, target(x)), at(x, f(x))]),
      ...knots.map((v) => tag("circle", { class: "w-foot", cx: at(v, 0)[0], cy: at(v, target(v))[1], r: 4.5 })),
      ...innerKnots(state).map((v, i) => line("w-axis", ...at(v, -1.19), ...at(v, -1.27)) + text(...at(v, -1.4), String(i + 1), "w-small")));
  }

  function tellKinks(state) {
    const knots = ordered(innerKnots(state));
    const { error, x } = supError(knots);
    const { h, curvature, modulus } = bounds(knots);
    return `The largest error is ${format(error, 3)}, at x = ${format(x)}. The longest gap is h = ${format(h)}: ` +
      `the error is proven to be at most h²‖f″‖/8 = ${format(curvature, 3)}, and at most ω(h) = ${format(modulus, 3)}.`;
  }

  const STEPS = tape(PROGRAM, { w: 2 });
  const PLACES = { w: [46, 150], u: [188, 150], s: [330, 46], y: [472, 150] };
  const CURVES = [["u", 0, -26], ["u", 1, 26], ["s", 0, -22], ["s", 1, 22], ["y", 0, 0], ["y", 1, 0]];

  function drawTape({ step }) {
    const { node, edge, values, adjoints } = STEPS[step];
    const curves = CURVES.map(([name, k, bend]) => {
      const [source, d] = name === "u" ? ["w", 2] : name === "s" ? ["u", 4] : [k ? "s" : "u", 1];
      const [[ax, ay], [bx, by]] = [PLACES[source], PLACES[name]];
      const n = Math.hypot(bx - ax, by - ay), normal = [-(by - ay) / n, (bx - ax) / n];
      const middle = [(ax + bx) / 2 + bend * normal[0], (ay + by) / 2 + bend * normal[1]];
      const control = [(ax + bx) / 2 + 2 * bend * normal[0], (ay + by) / 2 + 2 * bend * normal[1]];
      const active = edge && edge[0] === name && edge[1] === k;
      const shift = (bend > 0 ? 16 : -14);
      return tag("path", { class: active ? "w-flow" : "w-edge", d: `M${ax} ${ay}Q${control.map((v) => v.toFixed(1)).join(" ")} ${bx} ${by}` }) +
        arrow(active ? "w-flow-fill" : "w-edge-fill", middle, active ? [ax - bx, ay - by] : [bx - ax, by - ay], active ? 8 : 5) +
        (name in values ? text(middle[0] + shift * normal[0], middle[1] + shift * normal[1] + 5, d, active ? "w-adjoint-text" : "w-label") : "");
    });
    const boxes = Object.entries(PLACES).map(([name, [x, y]]) =>
      tag("rect", { class: `w-box${name === node ? (name in adjoints ? " w-box-back" : " w-box-now") : ""}`, x: x - 44, y: y - 32, width: 88, height: 64, rx: 7 }) +
      text(x, y - 6, name in values ? `${name} = ${values[name]}` : name, name in values ? "w-forward-text" : "w-label") +
      (name in adjoints ? text(x, y + 20, `${name}\u0304 = ${adjoints[name]}`, "w-adjoint-text") : ""));
    return drawing(520, 212, "The graph of y = u + s, with s = u · u and u = w · w: values, adjoints and local derivatives", curves, boxes);
  }

  const tellTape = ({ step }) => `Step ${step + 1} of ${STEPS.length}, ${Object.keys(STEPS[step].adjoints).length ? "backward" : "forward"}: ${STEPS[step].text}.`;
  const listTape = ({ step }) => `<ol class="widget-steps">${STEPS.map((s, i) =>
    `<li class="${i > step ? "w-later" : i === step ? "w-current" : ""}">${s.text}</li>`).join("")}</ol>`;

  /* ------------------------------------------------------------------ the four widgets */

  const slider = (key, label, min, max, step, digits, unit = "") => ({ kind: "range", key, label, min, max, step, digits, unit });
  const press = (label, act) => ({ kind: "button", label, act });
  const place = (knots) => (state) => ({ ...state, ...Object.fromEntries(knots.map((v, i) => [`knot${i + 1}`, v])) });
  const move = (by) => (state) => ({ step: Math.min(STEPS.length - 1, Math.max(0, state.step + by)) });

  const WIDGETS = {
    neuron: {
      state: { angle: 100, length: 1.2, b: 0.6, x1: 1.5, x2: -1.2 },
      controls: [slider("angle", "angle of w", -180, 180, 1, 0, "°"), slider("length", "length of w", 0.2, 4, 0.1, 1),
        slider("b", "bias b", -5, 5, 0.1, 1), slider("x1", "first coordinate of x", -2.8, 2.8, 0.1, 1),
        slider("x2", "second coordinate of x", -2.8, 2.8, 0.1, 1)],
      legend: "Weights, bias, and a point", hint: "A click in the picture moves x, too.",
      draw: drawNeuron, tell: tellNeuron,
      pick: (state, u, v) => ({ ...state, ...Object.fromEntries([["x1", 6 * u - 3], ["x2", 3 - 6 * v]].map(([k, c]) => [k, Math.round(10 * Math.max(-2.8, Math.min(2.8, c))) / 10])) }),
    },
    features: {
      state: { preset: "XOR", ...Object.fromEntries(Object.keys(FEATURES).map((name) => [name, ["x₁", "x₂", "x₁x₂"].includes(name)])) },
      controls: [{ kind: "choice", key: "preset", label: "data", options: Object.keys(PRESETS) },
        ...Object.keys(FEATURES).map((name) => ({ kind: "check", key: name, label: name }))],
      legend: "Data and features", draw: drawFeatures, tell: tellFeatures,
    },
    kinks: {
      state: place(EQUAL)({}),
      controls: [...range(7, (i) => slider(`knot${i + 1}`, `knot ${i + 1}`, -0.99, 0.99, 0.01, 2)),
        press("Equal spacing", place(EQUAL)), press("Equal errors", place(equalErrors()))],
      legend: "Where the kinks are", draw: drawKinks, tell: tellKinks,
    },
    tape: {
      state: { step: STEPS.length - 1 }, first: { step: 0 },
      controls: [press("Back", move(-1)), press("Next step", move(1))],
      legend: "Step through it", draw: drawTape, tell: tellTape, list: listTape,
    },
  };

  /** What is seen: the picture, its words, and for the tape its steps. */
  const view = (name, state) => {
    const { draw, tell, list } = WIDGETS[name];
    return `<div class="widget-picture">${draw(state)}</div><p class="widget-words">${tell(state)}</p>${list ? list(state) : ""}`;
  };

  const shown = (c, v) => format(Number(v), c.digits) + c.unit;
  const control = (c, state) => {
    if (c.kind === "button") return `<button type="button" class="widget-button">${c.label}</button>`;
    if (c.kind === "check") return `<label class="widget-check"><input type="checkbox" data-key="${c.key}"${state[c.key] ? " checked" : ""}> ${c.label}</label>`;
    if (c.kind === "choice") return `<label class="widget-row">${c.label} <select data-key="${c.key}">${c.options.map((o) => `<option${o === state[c.key] ? " selected" : ""}>${o}</option>`).join("")}</select></label>`;
    return `<label class="widget-row"><span>${c.label} <span class="widget-value" aria-hidden="true">${shown(c, state[c.key])}</span></span>` +
      `<input type="range" data-key="${c.key}" min="${c.min}" max="${c.max}" step="${c.step}" value="${state[c.key]}" aria-valuetext="${shown(c, state[c.key])}"></label>`;
  };

  /** The whole widget as it stands in the built page; the controls stay hidden until they work. */
  function markup(name) {
    const { state, controls, legend, hint } = WIDGETS[name];
    return `<div class="widget-body" data-widget="${name}"><div class="widget-view">${view(name, state)}</div>` +
      `<fieldset class="widget-controls" hidden><legend>${legend}</legend>${controls.map((c) => control(c, state)).join("")}` +
      `${hint ? `<p class="widget-hint">${hint}</p>` : ""}</fieldset></div>`;
  }

  /* ------------------------------------------------------------------ the page */

  function start(body) {
    const widget = WIDGETS[body.dataset.widget];
    const still = body.querySelector(".widget-view"), panel = body.querySelector(".widget-controls");
    const live = still.cloneNode(true);
    const spoken = document.createElement("p"); // said once a reader pauses, not at every pixel
    spoken.className = "widget-spoken";
    spoken.setAttribute("role", "status");
    still.classList.add("widget-still");
    still.before(live);
    body.append(spoken);
    let state = widget.first || widget.state, timer = 0;

    const show = () => {
      live.querySelector(".widget-picture").innerHTML = widget.draw(state);
      live.querySelector(".widget-words").textContent = widget.tell(state);
      if (widget.list) live.querySelector(".widget-steps").outerHTML = widget.list(state);
      for (const input of panel.querySelectorAll("[data-key]")) {
        const c = widget.controls.find(({ key }) => key === input.dataset.key);
        if (c.kind === "check") input.checked = state[c.key];
        else if (Number(input.value) !== state[c.key]) input.value = state[c.key];
        if (c.kind === "range") {
          input.setAttribute("aria-valuetext", shown(c, state[c.key]));
          input.closest("label").querySelector(".widget-value").textContent = shown(c, state[c.key]);
        }
      }
    };
    const change = (next) => {
      state = next;
      show();
      clearTimeout(timer);
      timer = setTimeout(() => { spoken.textContent = widget.tell(state); }, 400);
    };

    panel.addEventListener("input", ({ target: input }) => {
      const { key, kind } = widget.controls.find((c) => c.key === input.dataset.key);
      change({ ...state, [key]: kind === "check" ? input.checked : kind === "range" ? Number(input.value) : input.value });
    });
    const acts = widget.controls.filter(({ kind }) => kind === "button");
    panel.querySelectorAll("button").forEach((button, i) => button.addEventListener("click", () => change(acts[i].act(state))));
    if (widget.pick) {
      const pick = (event) => {
        const box = live.querySelector("svg").getBoundingClientRect();
        change(widget.pick(state, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height));
      };
      live.firstElementChild.addEventListener("click", pick);
      live.firstElementChild.addEventListener("pointermove", (event) => event.buttons & 1 && event.pointerType === "mouse" && pick(event));
    }
    show();
    panel.hidden = false;
  }

  if (typeof document !== "undefined") document.querySelectorAll("[data-widget]").forEach(start);

  return { signedDistance, wrong, sigmoid, FEATURES, features, readout, zeroLine, preset, classify, target, ordered,
    interpolant, supError, bounds, equalErrors, tape, PROGRAM, STEPS, CLOUD, WIDGETS, neuron, view, markup };
})();
