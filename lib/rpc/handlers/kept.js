// listKept: models, memories and indexes, with sizes as far as they are open.
'use strict';

/**
 * @param {import('../parts').Parts} parts
 * @returns {Promise<{ models: object[], memories: object[], indexes: object[] }>}
 */
async function kept({ models, memories, indexes }) {
  const [ofModels, ofMemories, ofIndexes] = await Promise.all([models.list(), memories.list(), indexes.list()]);
  return { models: ofModels, memories: ofMemories, indexes: ofIndexes };
}

module.exports = { kept };
