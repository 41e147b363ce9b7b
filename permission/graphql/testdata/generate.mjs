// Writes documents and what graphql-js reads in them, one JSON object a line:
//
//   npm install graphql@16      # in some folder, then in that folder:
//   node .../testdata/generate.mjs 2400 1 > .../testdata/graphql-js.jsonl
//
// The arguments are the number of documents and the seed; the same arguments give
// the same lines. "ordinary" documents are such as clients may send, "hostile" ones
// are made to be read in two ways.
import { createRequire } from "node:module";
const { parse } = createRequire(process.cwd() + "/")("graphql");

const count = Number(process.argv[2] ?? 2400);
let state = Number(process.argv[3] ?? 1);
function random() { // mulberry32
  let t = (state = (state + 0x6d2b79f5) | 0);
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;
const some = (most, make, separator = " ") => Array.from({ length: 1 + below(most) }, make).join(separator);

const names = ["article", "articles", "createArticle", "deleteAll", "id", "query", "mutation", "subscription",
  "fragment", "type", "extend", "schema", "input", "true_", "null_", "_", "__typename", "__schema", "A", "a1", "x_Y"];
const fieldNames = [...names, "on", "true", "false", "null"];
const types = ["Int", "String!", "[Int]", "[[Int!]]!", "ID", "query", "on"];
const comments = ["# a comment\n", "#{\n", "# } mutation { deleteAll }\r", "#\"\"\"\r\n", "# \"\n", "#\ud83d\ude00 \\\n", "#\t#,\n"];
const blank = () => chance(0.1) ? pick(comments) : pick([" ", " ", " ", "\n", "\r\n", "\r", "\t", ",", " , ", "\n\n  "]);

const strings = ['""', '"x"', '"mutation { deleteAll }"', '"\\""', '"\\\\"', '"\\u007b"', '"\\u{1F600}"', '"\\ud83d\\ude00"', '"#"',
  '"}{"', '"\\n\\t\\/"', '"日本 \ud83d\ude00 \ufffd"', '"\t"', '"\'"'];
const blocks = ['""""""', '"""x"""', '"""{"""', '"""\n  a\n  b\n"""', '"""\\""" """', '"""\\"""\\""" #"""', '""" "" " """',
  '"""\\n"""', '"""\r\n\r"""', '"""} mutation { deleteAll }"""', '"""\\u0041"""'];
const numbers = ["0", "-0", "1", "-12", "1.5", "0.5e10", "1e5", "-1E-5", "9".repeat(40)];

function value(constant, depth = 0) {
  switch (below(depth > 3 ? 5 : 8)) {
    case 0: return pick(numbers);
    case 1: return pick(strings);
    case 2: return pick(blocks);
    case 3: return pick(["true", "false", "null", "ENUM", "query", "mutation", "on"]);
    case 4: return constant ? "1" : "$" + pick(names);
    case 5: return "[" + (chance(0.2) ? "" : some(3, () => value(constant, depth + 1), blank())) + "]";
    default: return "{" + (chance(0.2) ? "" : some(3, () => pick(fieldNames) + ":" + blank() + value(constant, depth + 1), blank())) + "}";
  }
}
const args = (constant) => chance(0.6) ? "" : "(" + some(3, () => pick(fieldNames) + ":" + value(constant), blank()) + ")";
const directives = () => chance(0.8) ? "" : some(2, () => "@" + pick(["include", "skip", "defer", "on", "query"]) + args(false));

function selections(fragments, depth = 0) {
  return "{" + blank() + some(depth > 2 ? 2 : 4, () => {
    const n = below(10);
    if (n === 0 && fragments.length > 0) return "..." + pick(["", " ", "\n"]) + pick(fragments) + blank() + directives();
    if (n === 1 && depth < 4) return "..." + pick(["on " + pick(["Query", "Mutation", "on", "A"]) + " ", " "]) + directives() + selections(fragments, depth + 1);
    const alias = chance(0.2) ? pick(fieldNames) + pick([":", " : ", ":\n"]) : "";
    const inside = chance(0.35) && depth < 5 ? selections(fragments, depth + 1) : "";
    return alias + pick(fieldNames) + args(false) + directives() + inside;
  }, blank()) + blank() + "}";
}

const variables = () => chance(0.6) ? "" : "(" + some(3, () => "$" + pick(names) + ":" + pick(types) + (chance(0.3) ? "=" + value(true) : ""), blank()) + ")";

function ordinary() {
  const fragments = [];
  const parts = [];
  for (const name of ["F", "G", "query", "mutation", "H"].slice(0, below(6))) {
    parts.push("fragment " + name + blank() + "on " + pick(["Query", "Mutation", "on", "T"]) + " " + directives() + selections(fragments));
    fragments.push(name); // each spreads only those before it
  }
  const operations = 1 + (chance(0.3) ? below(4) : 0);
  const used = ["A", "query", "mutation", "on", "fragment"];
  for (let i = 0; i < operations; i++) {
    if (operations === 1 && chance(0.3)) {
      parts.push(selections(fragments));
      continue;
    }
    const name = operations > 1 || chance(0.6) ? " " + used[i] : "";
    parts.push(pick(["query", "query", "mutation", "subscription"]) + name + blank() + variables() + directives() + selections(fragments));
  }
  for (let i = parts.length - 1; i > 0; i--) { // in any order
    const j = below(i + 1);
    [parts[i], parts[j]] = [parts[j], parts[i]];
  }
  return (chance(0.2) ? blank() : "") + parts.join(blank()) + (chance(0.2) ? blank() : "");
}

const knives = ['"', '""', '"""', '""""', '"""""', '"""""""', '\\', '\\"""', '\\"', '#', '\r', '\n', '\u2028', '\u2029', '\u0085', '\ufeff', '\u0000',
  '\u000b', '\u000c', '\u00a0', '\u007f', '\u200b', '\ufffd', '\ud800', '\udc00', '{', '}', '(', ')', '[', ']', '...', '..', '.', ':', '!', '$', '&', '|', '=', '@', '{}', '()',
  ' mutation { deleteAll } ', ' mutation{', ' query ', ' fragment F on Q { deleteAll } ', ' fragment on on on { a } ', '...F', '... on ', '... "on" T', ' on ', ' "text" ',
  ' """text""" ', ' extend type Q { a: Int } ', ' type Q { a: Int } ', ' schema { query: Q } ', '00', '1.', '0x1', '1a', '-', '1e', '.5', '\\u{110000}', '\\u{}', '\\u{00000041}',
  '\\ud800', '\\uD83D\\u0041', '"\\u', '\'', '`', ';', '\ud83d\ude00', 'é', '$a', '@d', '__proto__', 'Ø', '%', '-1', '<!--', '//', '/*', '*/'];

// Documents in which the place where a string ends decides what they do.
const twists = ['{ a(x: ["""x"""" " ]) deleteAll(y: ["#"\n]) }', 'query { a(x: ["""""""" " ]) } mutation M { deleteAll(y: ["#"\r]) }',
  '{ a(x: ["""x"""" ]) deleteAll(y: " ]) }', '{ a(x: """"""" ) b(y: " ) deleteAll }', '{ a(x: "" "") }', '{ a(x: """\\"""") b """) }',
  '{ a(x: """"a""") b }', '{ a(x: """a"""""") b }', '{ a(x: "a"""b""") }', '{ a(x: """\\\\""" ) deleteAll(y: """) }',
  '{ a #" \r deleteAll } #"', '{ a #\u2028 deleteAll }', '{ a } #\u2029 mutation { deleteAll }', '{ a(x: "\\") deleteAll(y: ") }', '{ a(x: "#") deleteAll #") }'];

const fixed = ["", " ", "#", "{}", "{a}", "{a}{b}", "query A{a} query A{b}", "query A{a} mutation A{deleteAll}", "{a} query B{b}", "query{a}mutation{deleteAll}",
  "query", "query{", "mutation M @include(if:false){deleteAll}", "{...F}", "{...F} fragment F on Q{...F}", "{...F} fragment F on Q{...G} fragment G on Q{...F}",
  "{...F} fragment F on Q{a} fragment F on Q{deleteAll}", "fragment F on Mutation{deleteAll}", "subscription{a} mutation{deleteAll}", "mutation{query:deleteAll}",
  "{a:a}", "{query:mutation}", "{...on Mutation{deleteAll}}", "{...{...{a}}}", "{...@include(if:false){a}}", "{...on on{a}}", "{...on}", "{on}", "{on:on}", "query on{on}",
  "query query{query}", "fragment on on Q{a} {a}", "{...on @d {a}}", "\ufeff{a}", "{\ufeffa}", "{a}\ufeff", "muta\ufefftion{a}", "#\rmutation{a}", "#\u2028mutation{a}\n{b}",
  ",,,mutation,,,{,a,}", "query($a:Int=1 $b:[Int!]!=[1 2]){a}", "query($a:Int=$b){a}", "query($a:[[[[Int]]]]){a}", "query(){a}", "{a()}", "{a(x:{})}", "{a(x:[])}",
  "{a(x:1x:2)}", "{a(x:00)}", "{a(x:1.)}", "{a(x:.1)}", "{a(x:1a)}", "{a(x:0xF)}", "{a(x:1-2)}", "{a(x:[1-2])}", "{a(x:[-1-2])}", "{a(x:1...)}", "{a(x:1)...F} fragment F on Q{b}",
  '{a(x:"\\u{41}")}', '{a(x:"\\u{D800}")}', '{a(x:"\\uD800")}', '{a(x:"\\u004")}', '{a(x:"\n")}', '{a(x:"\t")}', '{a(x:"\u0000")}', '{a(x:"\u007f")}', '"d" {a}', '"d" query{a}',
  '"""d""" mutation{a}', 'query("d" $a:Int){a}', "fragment F($a:Int=1) on Q{a} {...F}", "{a}}", "{{a}}", "{a{}}", "{a b:c{d}}", "{a!}", "{a&b}", "{a|b}", "extend type Q{a:Int} {a}",
  "type Q{a:Int}", "schema{query:Q}", "directive @d on FIELD {a}", "{__typename}", "{__schema{types{name}}}", "{__proto__ constructor}", "mutation{a}#", "mutation{a}#\u0000"];

function hostile() {
  let text = chance(0.15) ? pick(twists) + ordinary() : ordinary();
  if (chance(0.1)) text += pick(twists);
  for (let n = 1 + below(3); n > 0; n--) {
    const at = below(text.length + 1);
    text = text.slice(0, at) + pick(knives) + text.slice(at + (chance(0.3) ? 1 + below(4) : 0));
  }
  return text;
}

function rootFields(fragments, set, found, visited) {
  for (const s of set.selections) {
    if (s.kind === "Field") found.add(s.name.value);
    else if (s.kind === "InlineFragment") rootFields(fragments, s.selectionSet, found, visited);
    else if (!visited.has(s.name.value)) {
      visited.add(s.name.value);
      // Of fragments with one name any may be taken, so all are.
      for (const f of fragments.filter((f) => f.name.value === s.name.value)) rootFields(fragments, f.selectionSet, found, visited);
    }
  }
  return found;
}

function row(kind, document) {
  let read;
  try {
    read = parse(document);
  } catch (e) {
    return { class: kind, document, parses: false };
  }
  const fragments = read.definitions.filter((d) => d.kind === "FragmentDefinition");
  const operations = read.definitions.filter((d) => d.kind === "OperationDefinition")
    .map((o) => ({ kind: o.operation, name: o.name?.value, fields: [...rootFields(fragments, o.selectionSet, new Set(), new Set())] }));
  return { class: kind, document, parses: true, operations };
}

let left = count;
for (const document of [...fixed, ...twists]) {
  console.log(JSON.stringify(row("hostile", document)));
  left--;
}
for (; left > 0; left--) {
  const kind = left % 3 === 0 ? "ordinary" : "hostile";
  let document = kind === "ordinary" ? ordinary() : hostile();
  while (document.length > 350) document = kind === "ordinary" ? ordinary() : hostile();
  console.log(JSON.stringify(row(kind, document)));
}
