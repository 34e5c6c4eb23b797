"""An evaluation or a sweep as files to look at: report, figures, examples, tables."""
