export declare const pages: string[];
export declare function blocksOf(page: string, languages: string[]): { code: string; line: number }[];
