import { ControlRefusal, type ControlRoute } from './route.js';
import { recordRequest } from './schemas.js';
import { viewRecord } from './views.js';
import { needZone } from './world-routes.js';

/** DNS records, as somebody else edits them. */
export const RECORD_ROUTES: readonly ControlRoute[] = [
  {
    method: 'GET', path: 'records',
    answer: (call) => {
      const { query, target } = call;
      const zone = query.get('zone') === null ? undefined : needZone(call, query.get('zone') ?? undefined);
      const name = query.get('name');
      const type = query.get('type');
      return target.world.records.list(zone?.id)
        .filter((record) => (name === null || record.name === name) && (type === null || record.type === type)).map(viewRecord);
    },
  },
  {
    method: 'PUT', path: 'records',
    answer: (call) => {
      const { zone: zoneName, ...draft } = call.body(recordRequest);
      const { records, zones } = call.target.world;
      // Without a zone: the one that the name is in, which is what people mean.
      const inZone = zones.all().find(({ name }) => draft.name === name || draft.name.endsWith(`.${name}`))?.name;
      const zone = needZone(call, zoneName ?? inZone);
      const [old, ...others] = records.named(draft.name).filter(({ type }) => type === draft.type);
      for (const other of others) records.delete(zone, other.id);
      return viewRecord(old === undefined ? records.create(zone, draft) : records.replace(zone, old.id, draft));
    },
  },
  {
    method: 'DELETE', path: 'records/:record',
    answer: (call) => {
      const { records } = call.target.world;
      const record = records.list().find(({ id }) => id === call.param('record'));
      if (record === undefined) throw new ControlRefusal(404, 'There is no such record.');
      return viewRecord(records.delete(record.zone, record.id));
    },
  },
];
