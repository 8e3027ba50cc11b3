import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

/** Parts of ours that the page shares with the services; importing one does nothing by itself. */
const OURS = /\/libs\/(?:policy-engine|contracts|kernel)\//;

export default defineConfig({
  plugins: [react()],
  // From their sources, as every other build reads them.
  resolve: { conditions: ['source', ...defaultClientConditions] },
  // The page's policy allows no inline scripts or data: scripts; everything is a file of ours.
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1_500,
    rolldownOptions: { treeshake: { moduleSideEffects: (id) => !OURS.test(id) } },
  },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } } },
});
