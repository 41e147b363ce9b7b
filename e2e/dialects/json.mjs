// JSON.parse as a judge: it reads the bodies in a file, one in base64 on each line, as a
// server does that decodes them as UTF-8, and prints for each what it takes for app.
import { readFileSync } from 'node:fs';

const reads = (line) => {
  try {
    const body = JSON.parse(Buffer.from(line, 'base64').toString('utf8'));
    if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'app')) {
      return { kind: 'none' };
    }
    return { kind: typeof body.app, text: String(body.app) };
  } catch {
    return { kind: 'broken' };
  }
};
const lines = readFileSync(process.env.BODIES, 'utf8').split('\n');
console.log(JSON.stringify(lines.map(reads)));
