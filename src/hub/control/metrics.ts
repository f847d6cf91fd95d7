/** What the control server counts, in Prometheus' words; served on the operator's socket. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { HostStatus } from './operator.ts';

export class Metrics {
  readonly registry = new Registry();
  readonly refused = new Counter({
    name: 'restante_hub_refused_total',
    help: 'Sessions and requests refused, by code',
    labelNames: ['code'],
    registers: [this.registry],
  });

  /** Read when somebody asks. */
  watch(status: () => Promise<HostStatus>): void {
    const gauge = (
      name: string,
      help: string,
      labelNames: string[],
      set: (gauge: Gauge, now: HostStatus) => void,
    ): void =>
      this.registry.registerMetric(
        new Gauge({
          name,
          help,
          labelNames,
          registers: [],
          async collect() {
            this.reset();
            set(this as Gauge, await status());
          },
        }),
      );
    gauge('restante_hub_sessions', 'Sessions open now', [], (metric, now) => metric.set(now.sessions));
    gauge('restante_hub_strangers', 'Connections that have not said who they are', [], (metric, now) =>
      metric.set(now.strangers),
    );
    gauge('restante_hub_bus_refused', 'Messages of the bus that were refused, by reason', ['code'], (metric, now) => {
      for (const [code, count] of Object.entries(now.refusedMessages)) metric.set({ code }, count);
    });
    gauge('restante_hub_user_servers', 'User servers by phase', ['phase'], (metric, now) => {
      for (const { phase } of now.users) metric.inc({ phase });
    });
    const ofUser = (name: string, help: string, figure: 'residentBytes' | 'cpuMs' | 'ageMs' | 'connections'): void =>
      gauge(name, help, ['user'], (metric, now) => {
        for (const user of now.users) metric.set({ user: user.user }, user[figure]);
      });
    ofUser('restante_hub_user_resident_bytes', 'Memory of each user server', 'residentBytes');
    ofUser('restante_hub_user_cpu_milliseconds', 'CPU time of each user server since its start', 'cpuMs');
    ofUser('restante_hub_user_age_milliseconds', 'Since the start of each user server', 'ageMs');
    ofUser('restante_hub_user_connections', 'Connections of each user', 'connections');
    const lag = 'Since an account at another mail server was last in step with it';
    gauge('restante_hub_account_lag_milliseconds', lag, ['user', 'account'], (metric, now) => {
      for (const { lags, user } of now.users)
        for (const { account, lagMs } of lags) metric.set({ user, account }, lagMs);
    });
  }
}
