export { asLanguageModel, asProvider } from './as-language-model.ts';
