/** The shared library of `native/`, by its path: inside the executable, or in `dist/` when run from source. */
declare module "*.so" {
  const path: string;
  export default path;
}
