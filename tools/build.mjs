// Compiles one project's sources to ESM with swc: `node tools/build.mjs libs/kernel`. Types are checked elsewhere.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { transformFileSync } from '@swc/core';
import { COMPILER } from '../swc.mjs';

const SWC_OPTIONS = { swcrc: false, sourceMaps: true, jsc: COMPILER, module: { type: 'nodenext' } };

export function buildProject(root) {
  const source = join(root, 'src');
  const target = join(root, 'dist');
  rmSync(target, { recursive: true, force: true });
  if (!existsSync(source)) return 0;
  let count = 0;
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts') || /\.(spec|contract|d)\.ts$/.test(entry.name))
      continue;
    const file = join(entry.parentPath, entry.name);
    const out = join(target, relative(source, file)).replace(/\.ts$/, '.js');
    const { code, map } = transformFileSync(file, SWC_OPTIONS);
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, `${code}\n//# sourceMappingURL=${relative(dirname(out), `${out}.map`)}\n`);
    writeFileSync(`${out}.map`, map);
    count += 1;
  }
  return count;
}

if (import.meta.main ?? process.argv[1]?.endsWith('build.mjs')) {
  for (const root of process.argv.slice(2)) console.log(`${root}: ${buildProject(root)} files`);
}
