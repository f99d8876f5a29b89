// The dashboards, by the name of their file.

import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { dataQuality } from './data-quality.js';
import type { Sql } from './dialect.js';
import { meter } from './meter.js';
import { site } from './site.js';

export const dashboards: Readonly<Record<string, (sql: Sql) => dashboard.Dashboard>> = {
  site,
  meter,
  'data-quality': dataQuality,
};
