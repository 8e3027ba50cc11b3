import { callersOf, SERVICES, servicePermissions } from './services.js';

describe('broker permissions of services', () => {
  it('S3: no service reaches JetStream, the system, or everything', () => {
    for (const service of SERVICES) {
      const { publish, subscribe } = servicePermissions(service);
      for (const subject of [...publish, ...subscribe]) {
        expect(subject).not.toMatch(/^\$|^[>*]|^kf\.(>|\*)|^kf\.(v1|svc)\.>/);
      }
    }
  });

  it('S2: each service says and hears exactly this', () => {
    expect(Object.fromEntries(SERVICES.map((service) => [service, servicePermissions(service)]))).toEqual({
      gateway: {
        publish: ['kf.svc.registry.*', 'kf.svc.policy.*', 'kf.svc.analytics.*', 'kf.svc.notify.*'],
        subscribe: ['_INBOX.svc.gateway.>'],
      },
      registry: {
        publish: [
          '_INBOX.svc.gateway.>',
          '_INBOX.svc.policy.>',
          '_INBOX.*.>',
          'kf.v1.*.*.cmd',
          'kf.canary.>',
        ],
        subscribe: [
          'kf.svc.registry.*',
          'kf.svc.authority.*',
          'kf.v1.*.*.hb',
          'kf.v1.*.*.ev',
          'kf.v1.*.*.rpc.sync',
          'kf.v1.*.*.rpc.renew',
          'kf.canary.>',
          '_INBOX.svc.registry.>',
        ],
      },
      policy: {
        publish: ['kf.svc.authority.*', '_INBOX.svc.gateway.>', '_INBOX.*.>', 'kf.v1.*.*.cmd'],
        subscribe: ['kf.svc.policy.*', 'kf.v1.*.*.rpc.policy', '_INBOX.svc.policy.>'],
      },
      analytics: {
        publish: ['_INBOX.svc.gateway.>'],
        subscribe: ['kf.svc.analytics.*', '_INBOX.svc.analytics.>'],
      },
      notify: { publish: ['_INBOX.svc.gateway.>'], subscribe: ['kf.svc.notify.*', '_INBOX.svc.notify.>'] },
    });
  });

  it('S2: only the policy service may ask for signatures', () => {
    expect(callersOf('authority')).toEqual(['policy']);
    expect(callersOf('registry')).toEqual(['gateway']);
    expect(callersOf('nobody')).toEqual([]);
  });
});
