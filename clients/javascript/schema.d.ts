/** Which types each union and interface can be. */
export declare const possibleTypes: Record<string, string[]>;
/** The types of which there are many values of one id, ordered by (version, asOf). */
export declare const snapshotTypes: string[];
/** The types without an id of their own: a part of what they were asked from. */
export declare const embeddedTypes: string[];
