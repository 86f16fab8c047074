//! What the demo does with the real file, with damaged ones, and when inputs get lost.
