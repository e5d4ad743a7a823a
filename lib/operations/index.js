// Running a cluster: what jobs cost, alerts, and what goes first under overload. Nothing here knows of contexts, of
// processes or of messages.
'use strict';
const { checkAccount, SharedAccount, accountOfParts, withModel } = require('./account');
const { Alerts } = require('./alerts');
const { budgetError, Budgets } = require('./budgets');
const { complexityOf } = require('./complexity');
const { CostJournal } = require('./cost-journal');
const { Degradation, kStages } = require('./degradation');
const { DeviceUse } = require('./device-use');
const { Ledger } = require('./ledger');
const { isRow } = require('./use-rows');
const { Webhooks } = require('./webhooks');
const { WindowedRates } = require('./windowed-rates');

module.exports = {
  checkAccount,
  SharedAccount,
  accountOfParts,
  withModel,
  Alerts,
  budgetError,
  Budgets,
  complexityOf,
  Degradation,
  kStages,
  DeviceUse,
  CostJournal,
  Ledger,
  isRow,
  Webhooks,
  WindowedRates,
};
