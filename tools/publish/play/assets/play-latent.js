// A latent between two others, pushed along directions, decoded live: for decoders, generators, flows.
zooPlay.start(async function (model, root) {
  "use strict";
  const {facts} = model;
  const {shape, dimension} = facts;
  const find = (name) => root.querySelector("[data-" + name + "]");
  const input = (name) => root.querySelector('[data-input="' + name + '"]');
  const output = (name) => root.querySelector('[data-out="' + name + '"]');
  const main = zooPlay.sized(find("main"), shape);
  const say = zooPlay.teller(find("say"));
  const DRAWS = 6, FRAMES = 9, CELLS = 7, REACH = 3; // the map shows CELLS × CELLS up to ± REACH
  const ends = {from: 0, to: 1};
  let latents = []; // {label, z}: test pictures, then draws from the prior

  // -- the latent that is shown -------------------------------------------------------------------

  // From a to b at an even turn and an even change of length, t in [0, 1].
  function between(a, b, t) {
    const length = (v) => Math.hypot(...v), la = length(a), lb = length(b);
    const dot = a.reduce((sum, v, i) => sum + v * b[i], 0);
    const angle = Math.acos(zooPlay.clamp(dot / (la * lb || 1), -1, 1));
    // Latents in one line, or opposite, have no turn between them: straight on.
    if (Math.sin(angle) < 1e-4) return a.map((v, i) => (1 - t) * v + t * b[i]);
    const scale = ((1 - t) * la + t * lb) / Math.sin(angle);
    const wa = scale * Math.sin((1 - t) * angle) / la, wb = scale * Math.sin(t * angle) / lb;
    return a.map((v, i) => wa * v + wb * b[i]);
  }

  function latent(mix, push) {
    const z = between(latents[ends.from].z, latents[ends.to].z, mix);
    const temperature = Number(input("temperature").value) / 100;
    push.forEach((amount, k) => facts.directions[k].forEach((d, i) => { z[i] += amount * d; }));
    return z.map((v) => temperature * v);
  }

  const decode = (z) => model.run(chosen() ? {z: z, label: Number(chosen())} : {z: z});
  const mix = () => Number(input("mix").value) / 100;
  const push = () => sliders.map((slider) => Number(slider.value));

  // -- drawing: the newest wish wins --------------------------------------------------------------

  let drawing = false, wish = 0;
  async function refresh() {
    wish += 1;
    if (drawing) return;
    drawing = true;
    try {
      for (let done = 0; done !== wish;) {
        done = wish;
        zooPlay.paint(main, await decode(latent(mix(), push())), shape);
        tell();
        await zooPlay.frame();
      }
      await surroundings(wish);
    } finally {
      drawing = false;
    }
    if (behind !== wish) refresh();
  }

  // The strip along the walk and the map, as far as nothing new is wished for.
  let behind = 0;
  async function surroundings(mine) {
    const pushed = push();
    for (let k = 0; k < FRAMES; k++) {
      zooPlay.paint(film[k], await decode(latent(k / (FRAMES - 1), pushed)), shape);
      if (mine !== wish) return;
    }
    if (sliders.length > 1) {
      const rest = pushed.slice(2), at = mix();
      for (let cell = 0; cell < CELLS * CELLS; cell++) {
        const column = cell % CELLS, row = Math.floor(cell / CELLS);
        const place = (n) => REACH * (2 * n / (CELLS - 1) - 1);
        const values = await decode(latent(at, [place(column), -place(row), ...rest]));
        if (mine !== wish) return;
        zooPlay.paint(map, values, shape, column * shape[2], row * shape[1]);
      }
      showPad();
    }
    behind = mine;
  }

  const signed = (v) => (v > 0 ? "+" : v < 0 ? "−" : "") + Math.abs(v).toFixed(1) + " σ";

  function tell() {
    const [a, b] = [latents[ends.from].label, latents[ends.to].label];
    const percent = Math.round(100 * mix());
    output("mix").textContent = percent + " %";
    output("temperature").textContent = (Number(input("temperature").value) / 100).toFixed(2);
    input("mix").setAttribute("aria-valuetext", percent + " %");
    input("temperature").setAttribute("aria-valuetext", output("temperature").textContent);
    const pushed = push().map((v, k) => [k + 1, v]).filter((row) => row[1] !== 0);
    const directions = pushed.map(([k, v]) => "direction " + k + " " + signed(v));
    const way = percent === 0 ? a : percent === 100 ? b : percent + " % of the way from " + a + " to " + b;
    say([way, ...directions].join(" · "));
    for (const slider of sliders) {
      slider.nextElementSibling.textContent = signed(Number(slider.value));
      slider.setAttribute("aria-valuetext", signed(Number(slider.value)));
    }
    film.forEach((canvas, k) => canvas.classList.toggle("here", k === Math.round(mix() * (FRAMES - 1))));
    showPad();
    zooPlay.remember({
      seed: input("seed").value, from: ends.from, to: ends.to, mix: percent,
      ...(chosen() ? {class: chosen()} : {}),
      ...(sliders.length ? {push: push().join(",")} : {}),
      ...(find("temperature").hidden ? {} : {temperature: input("temperature").value}),
    });
  }

  // -- the two ends -------------------------------------------------------------------------------

  async function choices() {
    const seed = zooPlay.whole(input("seed").value, 0, 999999999, 1);
    input("seed").value = String(seed);
    const draws = Array.from({length: facts.ends.length ? DRAWS : 2 * DRAWS}, (_, k) => ({
      label: "draw " + (k + 1), z: Array.from(zooPlay.normals(seed, k, dimension)),
    }));
    latents = [...facts.ends.map((end) => ({label: "“" + end.label + "”", z: end.z})), ...draws];
    const pictures = [];
    for (const {z} of latents) pictures.push((await decode(z)).slice());
    for (const name of ["from", "to"]) {
      const group = root.querySelector('[data-ends="' + name + '"]');
      group.replaceChildren(...latents.map(({label}, k) => thumb(name, label, k, pictures[k])));
    }
  }

  function thumb(name, label, k, picture) {
    const radio = document.createElement("input"), canvas = document.createElement("canvas");
    const box = document.createElement("label");
    radio.type = "radio";
    radio.name = name;
    radio.value = String(k);
    radio.checked = ends[name] === k;
    radio.setAttribute("aria-label", label);
    radio.addEventListener("change", function () { ends[name] = k; refresh(); });
    zooPlay.paint(zooPlay.sized(canvas, shape), picture, shape);
    box.title = label;
    box.append(radio, canvas);
    return box;
  }

  // -- directions ---------------------------------------------------------------------------------

  const sliders = facts.directions.map(function (_, k) {
    const box = document.createElement("label"), name = document.createElement("span");
    const slider = document.createElement("input"), value = document.createElement("span");
    value.className = "play-value";
    value.setAttribute("aria-hidden", "true");
    name.textContent = "Direction " + (k + 1);
    Object.assign(slider, {type: "range", min: String(-REACH), max: String(REACH), step: "0.1", value: "0"});
    box.className = "play-direction";
    box.append(name, slider, value);
    find("sliders").append(box);
    slider.addEventListener("input", refresh);
    return slider;
  });
  find("directions").hidden = sliders.length === 0;

  const pad = zooPlay.sized(find("pad"), shape, CELLS, CELLS);
  const map = zooPlay.sized(document.createElement("canvas"), shape, CELLS, CELLS);
  function showPad() {
    if (sliders.length < 2) return;
    const pen = pad.getContext("2d");
    pen.drawImage(map, 0, 0);
    // Middles of the outer cells lie at ± REACH.
    const place = (v) => (v / REACH * (CELLS - 1) / CELLS + 1) / 2;
    const x = place(Number(sliders[0].value)) * pad.width, y = place(-Number(sliders[1].value)) * pad.height;
    for (const [colour, width] of [["#000", 5], ["#f2a278", 2.5]]) {
      pen.beginPath();
      pen.arc(x, y, pad.width / 28, 0, 2 * Math.PI);
      pen.lineWidth = width * pad.width / 196;
      pen.strokeStyle = colour;
      pen.stroke();
    }
  }

  function drag(event) {
    if (!(event.buttons & 1)) return;
    const box = pad.getBoundingClientRect();
    const value = (part) => String(zooPlay.clamp((2 * part - 1) * REACH * CELLS / (CELLS - 1), -REACH, REACH));
    sliders[0].value = value((event.clientX - box.left) / box.width);
    sliders[1].value = value(1 - (event.clientY - box.top) / box.height);
    refresh();
  }
  pad.addEventListener("pointerdown", function (event) { pad.setPointerCapture(event.pointerId); drag(event); });
  pad.addEventListener("pointermove", drag);
  find("reset").addEventListener("click", function () {
    for (const slider of sliders) slider.value = "0";
    refresh();
  });

  // -- the walk -----------------------------------------------------------------------------------

  const film = Array.from({length: FRAMES}, function (_, k) {
    const canvas = zooPlay.sized(document.createElement("canvas"), shape);
    canvas.addEventListener("click", function () { stop(); input("mix").value = String(100 * k / (FRAMES - 1)); refresh(); });
    return canvas;
  });
  find("film").append(...film);

  let walking = 0;
  function stop() {
    walking = 0;
    find("walk").setAttribute("aria-pressed", "false");
  }
  async function walk() {
    const mine = walking = performance.now(), start = mix();
    find("walk").setAttribute("aria-pressed", "true");
    while (walking === mine) {
      // There and back in eight seconds, with reduced motion by stills.
      let phase = (start / 2 + (performance.now() - mine) / 8000) % 1;
      if (zooPlay.still.matches) phase = Math.round(zooPlay.STILLS * phase) / zooPlay.STILLS;
      const value = String(Math.round(100 * (1 - Math.abs(1 - 2 * phase))));
      if (value !== input("mix").value) { input("mix").value = value; refresh(); }
      await zooPlay.frame();
    }
  }
  find("walk").addEventListener("click", () => (walking ? stop() : walk()));
  input("mix").addEventListener("input", function () { stop(); refresh(); });
  input("temperature").addEventListener("input", refresh);
  async function redraw() { await choices(); refresh(); }
  input("seed").addEventListener("change", redraw);

  // -- as the address says ------------------------------------------------------------------------

  const kept = zooPlay.recall();
  const chosen = zooPlay.classes(root, kept.class, redraw);
  const last = Math.max(facts.ends.length + DRAWS, 2 * DRAWS) - 1;
  input("seed").value = String(zooPlay.whole(kept.seed, 0, 999999999, 1));
  input("mix").value = String(zooPlay.whole(kept.mix, 0, 100, 0));
  input("temperature").value = String(zooPlay.whole(kept.temperature, 0, 150, 100));
  ends.from = zooPlay.whole(kept.from, 0, last, 0);
  ends.to = zooPlay.whole(kept.to, 0, last, 1);
  (kept.push || "").split(",").slice(0, sliders.length).forEach((v, k) => { sliders[k].value = String(Number(v) || 0); });
  await choices();
  await refresh();
});
