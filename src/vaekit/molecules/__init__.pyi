from .analogue_search import (
    Analogues as Analogues,
    Lead as Lead,
    Ring as Ring,
    find_analogues as find_analogues,
    read_lead as read_lead,
)
from .descriptor_model import DescriptorModel as DescriptorModel, KernelHead as KernelHead
from .descriptor_fitting import heads_by_name as heads_by_name
from .descriptor_model import (
    MoleculeDescriptors as MoleculeDescriptors,
    compute_descriptors as compute_descriptors,
    descriptor_names as descriptor_names,
)
from .domain import MoleculeDomain as MoleculeDomain
from .targets import Targets as Targets
from .rdkit_tools import (
    Fingerprints as Fingerprints,
    NearestMolecules as NearestMolecules,
    morgan_fingerprints as morgan_fingerprints,
    nearest_molecules as nearest_molecules,
    tanimoto as tanimoto,
)
from .interpolation import (
    LatentNeighbors as LatentNeighbors,
    InterpolationPath as InterpolationPath,
    draw_paths as draw_paths,
    latent_neighbors as latent_neighbors,
    molecule_paths as molecule_paths,
    property_map as property_map,
)
from .metrics import (
    chemnet_activations as chemnet_activations,
    cosine_of_counts as cosine_of_counts,
    fragment_counts as fragment_counts,
    frechet_chemnet_distance as frechet_chemnet_distance,
    internal_diversity as internal_diversity,
    moses_fingerprints as moses_fingerprints,
    novelty as novelty,
    property_distance as property_distance,
    property_distances as property_distances,
    murcko_scaffolds as murcko_scaffolds,
    scaffold_counts as scaffold_counts,
    similarity_to_nearest as similarity_to_nearest,
    uniqueness as uniqueness,
    validity as validity,
)
from .plots import (
    GRID_ENDINGS as GRID_ENDINGS,
    MoleculeGrid as MoleculeGrid,
    molecule_grid as molecule_grid,
    prediction_scatter as prediction_scatter,
    search_curves as search_curves,
)
from .applicability import (
    Applicability as Applicability,
    learn_reference as learn_reference,
    measure_applicability as measure_applicability,
    missing_material as missing_material,
    prediction_intervals as prediction_intervals,
)
from .extending import (
    OpenScaffold as OpenScaffold,
    has_attachment_points as has_attachment_points,
    read_open_scaffold as read_open_scaffold,
)
from .predictions import (
    ClassAgreement as ClassAgreement,
    expected_agreement as expected_agreement,
    PredictionAgreement as PredictionAgreement,
    ConditionedMolecules as ConditionedMolecules,
    Predictions as Predictions,
    expected_errors as expected_errors,
    predict_molecules as predict_molecules,
    predict_targets as predict_targets,
    require_targets as require_targets,
)
from .properties import (
    CATALOGUES as CATALOGUES,
    Catalogue as Catalogue,
    PROPERTIES as PROPERTIES,
    Property as Property,
    find_alerts as find_alerts,
    passes_filters as passes_filters,
    compute_properties as compute_properties,
)
from .rdkit_tools import (
    as_molecules as as_molecules,
    as_pattern as as_pattern,
    canonical as canonical,
)
from .readable import (
    is_readable as is_readable,
    readable_molecules as readable_molecules,
)
from .reading import (
    Entry as Entry,
    Molecules as Molecules,
    Report as Report,
    read_molecules as read_molecules,
)
from .reference import ApplicabilityReference as ApplicabilityReference
from .report import (
    FILE_ENDINGS as FILE_ENDINGS,
    KnownMolecules as KnownMolecules,
    MoleculeReport as MoleculeReport,
    check_molecule_path as check_molecule_path,
    molecule_report as molecule_report,
    save_molecules as save_molecules,
)
from .standardize import (
    Standardized as Standardized,
    Standardizer as Standardizer,
    standardize as standardize,
)
from .analogue_search import check_molecules as check_molecules
from .outputs import read_known_molecules as read_known_molecules
from .outputs import sample_writer as sample_writer
from .plots import check_grid_path as check_grid_path
from .extending import extend_tokens as extend_tokens
from .extending import exchange_fragments as exchange_fragments
